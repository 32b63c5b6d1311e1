// The handlers of the command table (RFC 5321 sections 4.1 to 4.3). Each makes all checks that may
// refuse, then asks its question; the answer changes the transaction (server_answers.cpp).
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/reply.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "proto/smtp/server/syntax_error.hpp"

namespace postroad::smtp {

namespace {

Reply unknown_verb(std::string_view verb) {
  const auto hint = nearest_verb(verb);
  std::string text = "command not recognized: " + printable(verb, 40);
  if (!hint.empty()) text += "; did you mean " + std::string(hint) + "?";
  return {500, {5, 5, 2}, std::move(text)};
}

// Takes `FROM:` or `TO:` off the argument. Many clients send spaces around the colon.
bool eat_label(std::string_view& argument, std::string_view label) {
  if (!istarts_with(argument, label)) return false;
  auto rest = trim(argument.substr(label.size()));
  if (rest.empty() || rest.front() != ':') return false;
  argument = trim(rest.substr(1));
  return true;
}

// Methods of RFC 9110 and 5789.
bool is_http(std::string_view verb) {
  static constexpr std::array<std::string_view, 9> methods{
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(methods.begin(), methods.end(), verb) != methods.end();
}

}  // namespace

// LMTP and SMTP have one greeting command each (RFC 2033 section 4.1).
std::optional<Reply> ServerMachine::check_protocol(Verb verb) const {
  const bool greets = verb == Verb::helo || verb == Verb::ehlo;
  if (options_.lmtp && greets) return Reply{500, {5, 5, 1}, "this is LMTP: send LHLO"};
  if (!options_.lmtp && verb == Verb::lhlo)
    return Reply{500, {5, 5, 1}, "this is SMTP, not LMTP: send EHLO"};
  return std::nullopt;
}

Reply ServerMachine::out_of_order(const CommandRow& row) const {
  const std::string name(row.name);
  if (phase_ >= Phase::mail)
    return {503, {5, 5, 1}, name + " out of order: a mail transaction is open; RSET ends it"};
  const auto before = options_.lmtp && phase_ == Phase::greeted ? "LHLO" : row.before;
  return {503, {5, 5, 1}, name + " out of order: send " + std::string(before) + " first"};
}

// Refusals that need only the table, in the order of the RFCs.
std::optional<Reply> ServerMachine::check(const CommandLine& command) const {
  if (command.row == nullptr) return unknown_verb(command.verb);
  const auto& row = *command.row;
  if (auto refusal = check_protocol(row.verb)) return refusal;
  if (options_.tls == TlsMode::required && !tls_ && !row.before_tls)
    return Reply{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
  if (options_.auth_required && login_.empty() && !row.before_auth)
    return Reply{530, {5, 7, 0}, "Authentication required"};
  if ((row.phases & static_cast<std::uint8_t>(phase_)) == 0) return out_of_order(row);
  if (row.argument == Argument::required && command.argument.empty())
    return syntax_error(std::string(row.name) + " needs an argument", row.syntax);
  if (row.argument == Argument::none && !command.argument.empty())
    return syntax_error(std::string(row.name) + " takes no argument", row.syntax);
  return std::nullopt;
}

void ServerMachine::on_command(std::string_view line) {
  if (++counts_.commands > options_.limits.commands) {
    reply(421, {4, 7, 0}, options_.hostname + " too many commands in this session, closing");
    return close(Ending::too_many_errors);
  }
  const auto command = parse_command(line);
  // The data of an invalid BDAT must never be parsed as commands.
  if (command.row != nullptr && command.row->verb == Verb::bdat) return on_bdat(command);
  if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; }))
    return refuse({500, {5, 5, 2}, "control character in command"});
  // A web page can make a browser post lines that look like commands: none of them runs.
  if (command.row == nullptr && is_http(command.verb)) {
    reply(554, {5, 5, 1}, "this is SMTP, not HTTP");
    return close(Ending::not_smtp);
  }
  if (command.verb.empty()) return refuse({500, {5, 5, 2}, "empty command line"});
  if (const auto refusal = check(command)) return refuse(*refusal);
  (this->*command.row->act)(command);
}

// Phones, printers and Windows send names that are not domains. The name is not a reason to refuse
// a message (RFC 5321 section 4.1.4); the Received field replaces special characters.
void ServerMachine::on_helo(const CommandLine& command) {
  if (command.argument.size() > most_helo_bytes)
    return refuse(syntax_error("name too long (limit 255 bytes)", command.row->syntax));
  pending_hello_ = {std::string(command.argument), command.row->verb != Verb::helo};
  ask(AskHelo{pending_hello_.name});
}

void ServerMachine::on_mail(const CommandLine& command) {
  auto argument = command.argument;
  const auto syntax = command.row->syntax;
  if (!eat_label(argument, "FROM")) return refuse(syntax_error("FROM: is missing", syntax));
  if (counts_.messages >= options_.limits.messages)
    return refuse({421,
                   {4, 7, 0},
                   options_.hostname + " too many messages in this session (limit " +
                       std::to_string(options_.limits.messages) + "); connect again"});
  const PathRules rules{.bare = options_.allow_bare_addresses, .null = true};
  auto path = eat_path(argument, rules);
  if (!path) return refuse(syntax_error(path.error().detail, syntax));
  if (!path->is_null() && path->domain.empty())
    return refuse(syntax_error("the domain is missing", syntax));
  transaction_.reverse_path = std::move(*path);
  auto refusal = apply_parameters(argument, transaction_);
  if (!refusal && transaction_.reverse_path.needs_utf8() && !transaction_.smtputf8)
    refusal = Reply{553, {5, 6, 7}, "non-ASCII address without the SMTPUTF8 parameter"};
  if (!refusal) return ask(AskMail{transaction_});
  refuse(*refusal);
  reset_transaction();
}

std::optional<Reply> ServerMachine::read_recipient_options(std::string_view text,
                                                           RecipientOptions& asked) const {
  const auto parameters = parse_parameters(text, options_.limits.parameters);
  if (!parameters) return syntax_error(parameters.error().detail, syntax_of(Verb::rcpt));
  for (const auto& parameter : *parameters) {
    const auto taken = take_parameter(parameter, offered(), asked);
    if (!taken.known)
      return Reply{555, {5, 5, 4}, "parameter not recognized: " + printable(parameter.keyword, 80)};
    if (!taken.error.empty()) return Reply{501, {5, 5, 4}, taken.error};
    const auto value = parameter.value.value_or(std::string_view{});
    if (!options_.extensions.smtputf8 && std::any_of(value.begin(), value.end(), is_8bit))
      return Reply{553, {5, 6, 7}, "non-ASCII parameter, and SMTPUTF8 is not offered"};
  }
  return std::nullopt;
}

void ServerMachine::on_rcpt(const CommandLine& command) {
  auto argument = command.argument;
  const auto syntax = command.row->syntax;
  if (!eat_label(argument, "TO")) return refuse(syntax_error("TO: is missing", syntax));
  auto path = eat_path(argument, {.bare = options_.allow_bare_addresses, .null = false});
  if (!path) return refuse(syntax_error(path.error().detail, syntax));
  RecipientOptions asked;
  if (const auto refusal = read_recipient_options(argument, asked)) return refuse(*refusal);
  if (path->needs_utf8() && !transaction_.smtputf8)
    return refuse({553, {5, 6, 7}, "non-ASCII address without the SMTPUTF8 parameter"});
  if (transaction_.recipients.size() >= options_.limits.recipients) {
    return refuse_recipient({452,
                             {4, 5, 3},
                             "too many recipients (limit " +
                                 std::to_string(options_.limits.recipients) + " per message)"});
  }
  transaction_.recipients.push_back(std::move(*path));
  if (!asked.is_empty()) {
    auto& all = transaction_.recipient_options;
    if (!all) all = std::make_unique<std::vector<RecipientOptions>>();
    all->resize(transaction_.recipients.size());
    all->back() = std::move(asked);
  }
  ask(AskRcpt{transaction_.recipients.back()});
}

void ServerMachine::on_data(const CommandLine&) {
  if (transaction_.recipients.empty()) {
    // LMTP: 503 (RFC 2033 section 4.2).
    if (recipients_refused_)
      return refuse({options_.lmtp ? 503 : 554, {5, 5, 1}, "no valid recipients"});
    return refuse({503, {5, 5, 1}, "DATA out of order: send RCPT TO first"});
  }
  if (transaction_.body == Body::binary_mime)
    return refuse({503, {5, 5, 1}, "BODY=BINARYMIME requires BDAT"});
  ask(AskData{});
}

void ServerMachine::on_rset(const CommandLine&) {
  static const Reply abandoned{0, {}, "abandoned by the client with RSET"};
  if (phase_ == Phase::chunks) {
    chunk_->was_reset = true;
    return ask(AskEnd{false, &abandoned});
  }
  reset_transaction();
  reply(250, {2, 0, 0}, "Ok");
}

void ServerMachine::on_noop(const CommandLine&) { reply(250, {2, 0, 0}, "Ok"); }

void ServerMachine::on_quit(const CommandLine&) {
  reply(221, {2, 0, 0}, "Bye");
  close(Ending::quit);
}

void ServerMachine::on_starttls(const CommandLine&) {
  if (tls_) return refuse({503, {5, 5, 1}, "TLS is already active"});
  if (options_.tls != TlsMode::offered && options_.tls != TlsMode::required) {
    return refuse({502, {5, 5, 1}, "STARTTLS is not offered"});
  }
  if (phase_ >= Phase::mail) reset_transaction();
  reply(220, {2, 0, 0}, "Ready to start TLS");
  // Input from the same packet was not protected by TLS: it is dropped (CVE-2011-0411).
  input_ = {};
  start_tls_ = true;
}

void ServerMachine::on_vrfy(const CommandLine& command) {
  if (options_.vrfy) return ask(AskVrfy{command.argument});
  reply(252, {2, 5, 0}, "VRFY is disabled; send RCPT TO to try delivery");
}

void ServerMachine::on_expn(const CommandLine& command) {
  if (options_.expn) return ask(AskExpn{command.argument});
  refuse({502, {5, 5, 1}, "EXPN is disabled"});
}

// Whether HELP lists the command: it leaves out disabled extensions and the greeting of the other
// protocol.
bool ServerMachine::is_spoken(Verb verb) const {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
      return !options_.lmtp;
    case Verb::lhlo:
      return options_.lmtp;
    case Verb::bdat:
      return options_.extensions.chunking;
    case Verb::xclient:
      return options_.extensions.xclient && proxy_.is_trusted;
    default:
      return true;
  }
}

void ServerMachine::on_help(const CommandLine& command) {
  if (command.argument.empty()) {
    std::string text = "Commands:";
    for (const auto& row : command_table()) {
      if (is_spoken(row.verb)) (text += ' ') += row.name;
    }
    return reply(214, {2, 0, 0},
                 text + "\nHELP <command> shows its syntax; the standard is RFC 5321");
  }
  const auto topic = parse_command(command.argument);
  if (topic.row == nullptr) return refuse({504, {5, 5, 4}, unknown_verb(topic.verb).text});
  reply(214, {2, 0, 0}, topic.row->syntax);
}

}  // namespace postroad::smtp
