// The command table (RFC 5321 section 4.1; 4.1.4 for the order); see command.hpp.
#include "proto/smtp/server/command.hpp"

#include <vector>

#include "base/text.hpp"
#include "proto/smtp/server/server_machine.hpp"

namespace postroad::smtp {

namespace {

constexpr std::uint8_t bits(std::initializer_list<Phase> phases) {
  std::uint8_t all = 0;
  for (const auto phase : phases) all |= static_cast<std::uint8_t>(phase);
  return all;
}

constexpr std::uint8_t any = bits({Phase::greeted, Phase::ready, Phase::mail, Phase::rcpt});
constexpr std::uint8_t always =
    bits({Phase::greeted, Phase::ready, Phase::mail, Phase::rcpt, Phase::chunks});
constexpr std::uint8_t before_mail = bits({Phase::greeted, Phase::ready});
constexpr std::uint8_t text = bits({Phase::mail, Phase::rcpt, Phase::chunks});
constexpr std::uint8_t ready = bits({Phase::ready});
constexpr std::uint8_t recipients = bits({Phase::mail, Phase::rcpt});
}  // namespace

// A friend of the machine, whose handlers are its own.
struct CommandTable {
  using M = ServerMachine;
  static constexpr bool yes = true;
  static constexpr bool no = false;
  // clang-format off
  static constexpr std::array<CommandRow, 16> rows{{
  //                                                                            TLS  AUTH
  {Verb::helo,     "HELO",     any,        "",          Argument::required, yes, yes, &M::on_helo,     Hook::helo,    "HELO domain"},
  {Verb::ehlo,     "EHLO",     any,        "",          Argument::required, yes, yes, &M::on_helo,     Hook::helo,    "EHLO domain"},
  {Verb::mail,     "MAIL",     ready,      "HELO",      Argument::required, no,  no,  &M::on_mail,     Hook::mail,    "MAIL FROM:<address> [parameters]"},
  {Verb::rcpt,     "RCPT",     recipients, "MAIL FROM", Argument::required, no,  no,  &M::on_rcpt,     Hook::rcpt,    "RCPT TO:<address> [parameters]"},
  {Verb::data,     "DATA",     recipients, "MAIL FROM", Argument::none,     no,  no,  &M::on_data,     Hook::data,    "DATA"},
  {Verb::rset,     "RSET",     always,     "",          Argument::none,     yes, yes, &M::on_rset,     Hook::none,    "RSET"},
  {Verb::noop,     "NOOP",     always,     "",          Argument::optional, yes, yes, &M::on_noop,     Hook::none,    "NOOP [text]"},
  {Verb::quit,     "QUIT",     always,     "",          Argument::none,     yes, yes, &M::on_quit,     Hook::none,    "QUIT"},
  {Verb::vrfy,     "VRFY",     any,        "",          Argument::required, no,  no,  &M::on_vrfy,     Hook::vrfy,    "VRFY address"},
  {Verb::expn,     "EXPN",     any,        "",          Argument::required, no,  no,  &M::on_expn,     Hook::expn,    "EXPN list"},
  {Verb::help,     "HELP",     always,     "",          Argument::optional, yes, yes, &M::on_help,     Hook::none,    "HELP [command]"},
  {Verb::starttls, "STARTTLS", any,        "",          Argument::none,     yes, yes, &M::on_starttls, Hook::none,    "STARTTLS"},
  {Verb::auth,     "AUTH",     ready,      "EHLO",      Argument::required, no,  yes, &M::on_auth,     Hook::auth,    "AUTH mechanism [initial-response]"},
  {Verb::lhlo,     "LHLO",     any,        "",          Argument::required, yes, yes, &M::on_helo,     Hook::helo,    "LHLO domain"},
  {Verb::bdat,     "BDAT",     text,       "RCPT TO",   Argument::required, no,  no,  &M::on_bdat,     Hook::data,    "BDAT chunk-size [LAST]"},
  {Verb::xclient,  "XCLIENT",  before_mail, "",         Argument::required, yes, yes, &M::on_xclient,  Hook::xclient, "XCLIENT name=value ..."},
  }};
  // clang-format on
};

const std::array<CommandRow, 16>& command_table() noexcept { return CommandTable::rows; }

CommandLine parse_command(std::string_view line) noexcept {
  CommandLine command;
  line = trim(line);
  command.verb = line.substr(0, line.find(' '));
  command.argument = trim(line.substr(command.verb.size()));
  for (const auto& row : CommandTable::rows) {
    if (iequals(row.name, command.verb)) command.row = &row;
  }
  return command;
}

std::string_view nearest_verb(std::string_view verb) {
  std::vector<std::string_view> names;
  for (const auto& row : CommandTable::rows) names.push_back(row.name);
  return nearest(verb, names);
}

}  // namespace postroad::smtp
