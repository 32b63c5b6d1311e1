// The server's commands as a table (RFC 5321 section 4.1): verb, the phases in which it is legal,
// whether it takes an argument, the handler, the question that it asks policy, and the syntax that
// a 501 and HELP show. A new command is a row here and a handler in server_machine.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postroad::smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  help,
  starttls,
  auth,
  lhlo,
  bdat,
  xclient,
  unknown
};

/// The phase of a session; `chunks`: between two BDATs. One bit per phase, so that a row can name
/// several.
enum class Phase : std::uint8_t { greeted = 1, ready = 2, mail = 4, rcpt = 8, chunks = 16 };

enum class Argument : std::uint8_t { none, optional, required };

/// The question that a command asks before it changes anything (see Question in
/// server_machine.hpp).
enum class Hook : std::uint8_t { none, helo, mail, rcpt, data, vrfy, expn, auth, xclient };

class ServerMachine;
struct CommandLine;
using Handler = void (ServerMachine::*)(const CommandLine&);

struct CommandRow {
  Verb verb;
  std::string_view name;
  std::uint8_t phases;      ///< Phase bits in which it may come; otherwise 503
  std::string_view before;  ///< what the 503 says must come first
  Argument argument;
  bool before_tls;   ///< legal without TLS where the listener requires it (RFC 3207 section 4)
  bool before_auth;  ///< legal without AUTH where the listener requires it (RFC 4954 section 6)
  Handler act;
  Hook hook;
  std::string_view syntax;
};

/// All rows in the order in which HELP lists them.
const std::array<CommandRow, 16>& command_table() noexcept;

struct CommandLine {
  const CommandRow* row = nullptr;  ///< nullptr for an unknown verb
  std::string_view verb;            ///< as it was typed
  std::string_view argument;        ///< without the spaces around it
};

/// Splits a line (without its line end) at the first space and finds the verb, in any case.
CommandLine parse_command(std::string_view line) noexcept;

/// The verb that was probably meant, or empty.
std::string_view nearest_verb(std::string_view verb);

}  // namespace postroad::smtp
