// Prints the result of `postroad send`: lines for people, or one JSON object (--json).
#pragma once

#include <postroad/error.hpp>
#include <postroad/report.hpp>
#include <vector>

namespace postroad::cli {

/// The errors of the servers that were tried, in order; one server has none beside its result.
using RelayErrors = std::vector<Error>;

/// The outcome of each recipient. The caller prints before it sends QUIT, whose reply may be late
/// and changes nothing.
void print(const SendReport& report, bool json, const RelayErrors& relay_errors);
/// The error that ended the call, `last`, and those of the servers before. Returns the exit code:
/// that of the first error that no later attempt would change, otherwise that of `last`.
int fail_with(const Error& last, bool json, const RelayErrors& relay_errors = {});

}  // namespace postroad::cli
