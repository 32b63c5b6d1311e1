// The command table (RFC 5321 §4.1, §4.1.4 for the order); see command.hpp.
#include "proto/smtp/command.hpp"

#include <vector>

#include "base/text.hpp"

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
constexpr bool yes = true;
constexpr bool no = false;

// clang-format off
constexpr std::array<CommandRow, 16> table{{
  //                                                                            TLS  AUTH
  {Verb::helo,     "HELO",     any,        "",          Argument::required, yes, yes, "HELO domain"},
  {Verb::ehlo,     "EHLO",     any,        "",          Argument::required, yes, yes, "EHLO domain"},
  {Verb::mail,     "MAIL",     ready,      "HELO",      Argument::required, no,  no,  "MAIL FROM:<address> [parameters]"},
  {Verb::rcpt,     "RCPT",     recipients, "MAIL FROM", Argument::required, no,  no,  "RCPT TO:<address> [parameters]"},
  {Verb::data,     "DATA",     recipients, "MAIL FROM", Argument::none,     no,  no,  "DATA"},
  {Verb::rset,     "RSET",     always,     "",          Argument::none,     yes, yes, "RSET"},
  {Verb::noop,     "NOOP",     always,     "",          Argument::optional, yes, yes, "NOOP [text]"},
  {Verb::quit,     "QUIT",     always,     "",          Argument::none,     yes, yes, "QUIT"},
  {Verb::vrfy,     "VRFY",     any,        "",          Argument::required, no,  no,  "VRFY address"},
  {Verb::expn,     "EXPN",     any,        "",          Argument::required, no,  no,  "EXPN list"},
  {Verb::help,     "HELP",     always,     "",          Argument::optional, yes, yes, "HELP [command]"},
  {Verb::starttls, "STARTTLS", any,        "",          Argument::none,     yes, yes, "STARTTLS"},
  {Verb::auth,     "AUTH",     ready,      "EHLO",      Argument::required, no,  yes, "AUTH mechanism [initial-response]"},
  {Verb::lhlo,     "LHLO",     any,        "",          Argument::required, yes, yes, "LHLO domain"},
  {Verb::bdat,     "BDAT",     text,       "RCPT TO",   Argument::required, no,  no,  "BDAT octets [LAST]"},
  {Verb::xclient,  "XCLIENT",  before_mail, "",         Argument::required, yes, yes, "XCLIENT name=value ..."},
}};
// clang-format on

}  // namespace

const std::array<CommandRow, 16>& command_table() noexcept { return table; }

CommandLine parse_command(std::string_view line) noexcept {
  CommandLine command;
  line = trim(line);
  command.verb = line.substr(0, line.find(' '));
  command.argument = trim(line.substr(command.verb.size()));
  for (const auto& row : table) {
    if (iequals(row.name, command.verb)) command.row = &row;
  }
  return command;
}

std::string_view nearest_verb(std::string_view verb) {
  std::vector<std::string_view> names;
  for (const auto& row : table) names.push_back(row.name);
  return nearest(verb, names);
}

}  // namespace postroad::smtp
