// Runs a program of the operator's: the input that it gets, and its exit code. Not here: what the
// code means (login_check.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "proto/action.hpp"

namespace postroad::http {

/// Runs `command` (the program's whole path and its arguments; no shell) with `input` on its
/// standard input, and returns its exit code. Its standard output is dropped, its standard error is
/// the server's; it gets no other descriptor and no POSTROAD_ variable. At the deadline the program
/// and its process group are killed, and also when the coroutine is destroyed before. A program
/// that the server may not kill (it changed its user) or that the kernel holds is not waited for;
/// it is reaped by a later call. Error: Fault::timeout if it did not end before the deadline;
/// Fault::io if it could not be started, a signal ended it, or SIGCHLD is ignored and the kernel
/// discarded the code. Thread rule: a coroutine of the io_context that it runs on, whose thread
/// waits only until the program is loaded and at most 0.5 s for a killed one.
boost::asio::awaitable<Result<int>> run_command(std::vector<std::string> command, std::string input,
                                                proto::Time deadline);

}  // namespace postroad::http
