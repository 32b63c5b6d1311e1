// Exit codes of sysexits.h, as mail programs use them, and the way an error becomes one. Help and
// manual pages show the same table for every verb that talks to a server.
//
// The rule for wrong input: a value on the command line is Fault::input and ends with exit_usage;
// the content of a file or of standard input is Fault::data and ends with exit_data. Code that
// reads content says so with `of_data`; `exit_of` alone chooses the number.
#pragma once

#include <vector>

#include <postroad/error.hpp>
#include <postroad/report.hpp>

#include "config/command.hpp"

namespace postroad::cli {

enum Exit : int {
  exit_ok = 0,
  exit_none = 1,          ///< nothing matched (the queue commands)
  exit_usage = 64,        ///< the command line is wrong, a flag's value included
  exit_data = 65,         ///< the content of a file or of standard input is wrong
  exit_no_input = 66,     ///< a file cannot be read
  exit_no_host = 68,      ///< the host has no address
  exit_unavailable = 69,  ///< refused permanently
  exit_software = 70,
  exit_cannot_create = 73,
  exit_io = 74,         ///< reading or writing failed; also standard output
  exit_temporary = 75,  ///< try again later; also an unknown outcome
  exit_protocol = 76,
  exit_no_permission = 77,  ///< login or TLS failed
  exit_config = 78,
};

/// Whether `stage` belongs to the login.
inline bool is_login(Stage stage) { return stage >= Stage::username && stage <= Stage::auth; }

/// The codes of `exit_of` for sending a message, after the codes of earlier failures.
inline std::vector<config::ExitCode> exit_codes_of_sending() {
  return {{exit_ok, "every recipient was accepted"},
          {exit_usage, "wrong command line, or wrong value of a flag"},
          {exit_data, "wrong message, or wrong content of another file or of a password"},
          {exit_no_input, "a file cannot be read"},
          {exit_no_host, "the name of the server has no address"},
          {exit_unavailable, "a recipient was refused, or the server lacks an extension"},
          {exit_io,
           "standard input cannot be read, standard output cannot be written, or the "
           "system failed"},
          {exit_temporary, "deferred: try again later; or unknown: the message may have arrived"},
          {exit_protocol, "the server violated the protocol"},
          {exit_no_permission, "login or TLS failed"}};
}

/// The same error, about content that was read and not about a value of the command line.
inline Error of_data(Error error) {
  if (error.fault == Fault::input) error.fault = Fault::data;
  return error;
}

inline int exit_of(const Error& error) {
  switch (error.fault) {
    case Fault::input:  // in the middle of DATA: of the message that is being sent
      return error.stage == Stage::data ? exit_data : exit_usage;
    case Fault::data:
      return exit_data;
    case Fault::resolve:
      return exit_no_host;
    case Fault::connect:
    case Fault::timeout:
    case Fault::closed:
    case Fault::full:
    case Fault::busy:
    case Fault::cancelled:
      return exit_temporary;
    case Fault::refused:
      if (error.is_temporary()) return exit_temporary;
      return error.reply_code == 530 || is_login(error.stage) ? exit_no_permission
                                                              : exit_unavailable;
    case Fault::protocol:
      return exit_protocol;
    case Fault::tls:
    case Fault::tls_required:
    case Fault::auth:
      return error.reply_code != 0 && error.is_temporary() ? exit_temporary : exit_no_permission;
    case Fault::unsupported:
      return exit_unavailable;
    case Fault::io:
    case Fault::damaged:
      return exit_io;
    case Fault::not_found:
      return exit_no_input;
  }
  return exit_software;
}

/// The code of a failure before anything is sent: an I/O error means that a file cannot be read.
inline int exit_of_reading(const Error& error) {
  return error.fault == Fault::io ? exit_no_input : exit_of(error);
}

inline int exit_of(const SendReport& report) {
  if (report.any(Outcome::refused)) return exit_unavailable;
  if (report.any(Outcome::deferred) || report.any(Outcome::unknown)) return exit_temporary;
  return exit_ok;
}

}  // namespace postroad::cli
