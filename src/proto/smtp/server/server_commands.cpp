// The commands of the server machine and the answers to their questions (RFC 5321 §4.1, §4.2,
// §4.3.2). Each `on_*` checks all that may refuse, then asks; `answered` alone changes the
// transaction.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "mail/address/mailbox.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/reply.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "proto/smtp/syntax_error.hpp"

namespace postroad::smtp {

namespace {

constexpr std::size_t most_helo_bytes = 255;  // of a domain (RFC 5321 section 4.5.3.1.2)

Reply unknown_verb(std::string_view verb) {
  const auto hint = nearest_verb(verb);
  std::string text = printable(verb, 40) + " is not a command";
  if (!hint.empty()) text += "; did you mean " + std::string(hint) + "?";
  return {500, {5, 5, 2}, std::move(text)};
}

// Takes `FROM:` or `TO:` off the argument; blanks around the colon are taken as many clients send
// them.
bool eat_label(std::string_view& argument, std::string_view label) {
  if (!istarts_with(argument, label)) return false;
  auto rest = trim(argument.substr(label.size()));
  if (rest.empty() || rest.front() != ':') return false;
  argument = trim(rest.substr(1));
  return true;
}

// Methods of RFC 9110 and 5789 that are no commands of ours.
bool is_http(std::string_view verb) {
  static constexpr std::array<std::string_view, 9> methods{
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(methods.begin(), methods.end(), verb) != methods.end();
}

}  // namespace

// What the table alone can refuse, in the order of the RFCs.
std::optional<Reply> ServerMachine::check(const CommandLine& command) const {
  if (command.row == nullptr) return unknown_verb(command.verb);
  const auto& row = *command.row;
  const bool greets = row.verb == Verb::helo || row.verb == Verb::ehlo;
  if (options_.lmtp && greets) return Reply{500, {5, 5, 1}, "this is LMTP: send LHLO"};
  if (!options_.lmtp && row.verb == Verb::lhlo)
    return Reply{500, {5, 5, 1}, "this is SMTP, not LMTP: send EHLO"};
  if (options_.tls == TlsMode::required && !tls_ && !row.before_tls) {
    return Reply{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
  }
  if (options_.auth_required && login_.empty() && !row.before_auth) {
    return Reply{530, {5, 7, 0}, "Authentication required"};
  }
  if ((row.phases & static_cast<std::uint8_t>(phase_)) == 0) {
    if (phase_ >= Phase::mail)
      return Reply{503,
                   {5, 5, 1},
                   std::string(row.name) + " not now: a mail transaction is open; RSET ends it"};
    const auto before = options_.lmtp && phase_ == Phase::greeted ? "LHLO" : row.before;
    return Reply{
        503, {5, 5, 1}, std::string(row.name) + " not now: send " + std::string(before) + " first"};
  }
  if (row.argument == Argument::required && command.argument.empty()) {
    return syntax_error(std::string(row.name) + " needs an argument", row.syntax);
  }
  if (row.argument == Argument::none && !command.argument.empty()) {
    return syntax_error(std::string(row.name) + " takes no argument", row.syntax);
  }
  return std::nullopt;
}

void ServerMachine::on_command(std::string_view line) {
  if (++commands_ > options_.limits.commands) {
    reply(421, {4, 7, 0}, options_.hostname + " closes: too many commands in one session");
    return close(Ending::too_many_errors);
  }
  const auto command = parse_command(line);
  // Whatever is wrong with a BDAT, its octets must not be run as commands.
  if (command.row != nullptr && command.row->verb == Verb::bdat) return on_bdat(command);
  if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return refuse({500, {5, 5, 2}, "a control character in the command"});
  }
  // A web page can make a browser post lines that look like commands: none of them is run.
  if (command.row == nullptr && is_http(command.verb)) {
    reply(554, {5, 5, 1}, "this is SMTP, not HTTP");
    return close(Ending::not_smtp);
  }
  if (command.verb.empty()) return refuse({500, {5, 5, 2}, "an empty line is no command"});
  if (const auto refusal = check(command)) return refuse(*refusal);
  switch (command.row->verb) {
    case Verb::helo:
      return on_helo(command.argument, false);
    case Verb::ehlo:
      return on_helo(command.argument, true);
    case Verb::mail:
      return on_mail(command.argument);
    case Verb::rcpt:
      return on_rcpt(command.argument);
    case Verb::data:
      return on_data();
    case Verb::rset:
      return on_rset();
    case Verb::noop:
      return reply(250, {2, 0, 0}, "Ok");
    case Verb::quit:
      reply(221, {2, 0, 0}, "Bye");
      return close(Ending::quit);
    case Verb::vrfy:
      return on_vrfy(command.argument);
    case Verb::expn:
      return on_expn(command.argument);
    case Verb::help:
      return on_help(command.argument);
    case Verb::starttls:
      return on_starttls();
    case Verb::auth:
      return on_auth(command.argument);
    case Verb::lhlo:
      return on_helo(command.argument, true);
    case Verb::xclient:
      return on_xclient(command.argument);
    case Verb::bdat:
    case Verb::unknown:
      return;
  }
}

void ServerMachine::on_helo(std::string_view name, bool extended) {
  // Phones, printers and Windows send names that are no domain. Mail is not refused for the name
  // (RFC 5321 section 4.1.4); the Received field replaces what has a meaning there.
  if (name.size() > most_helo_bytes) {
    const auto verb = options_.lmtp ? Verb::lhlo : extended ? Verb::ehlo : Verb::helo;
    return refuse(syntax_error("the name is longer than 255 bytes", syntax_of(verb)));
  }
  pending_helo_ = name;
  pending_esmtp_ = extended;
  ask(AskHelo{pending_helo_});
}

void ServerMachine::on_mail(std::string_view argument) {
  const auto syntax = syntax_of(Verb::mail);
  if (!eat_label(argument, "FROM")) return refuse(syntax_error("FROM: is missing", syntax));
  if (mails_ >= options_.limits.mails)
    return refuse({421,
                   {4, 7, 0},
                   options_.hostname + " takes " + std::to_string(options_.limits.mails) +
                       " mails in one session; connect again"});
  const PathRules rules{.bare = options_.allow_bare_addresses, .null = true};
  auto path = eat_path(argument, rules);
  if (!path) return refuse(syntax_error(path.error().detail, syntax));
  if (!path->is_null() && path->domain.empty())
    return refuse(syntax_error("the domain is missing", syntax));
  transaction_.reverse_path = std::move(*path);
  auto refusal = apply_parameters(argument, transaction_);
  if (!refusal && transaction_.reverse_path.needs_utf8() && !transaction_.smtputf8)
    refusal = Reply{553, {5, 6, 7}, "the address is not ASCII and SMTPUTF8 was not asked for"};
  if (!refusal) return ask(AskMail{transaction_});
  refuse(*refusal);
  reset_transaction();
}

void ServerMachine::on_rcpt(std::string_view argument) {
  const auto syntax = syntax_of(Verb::rcpt);
  if (!eat_label(argument, "TO")) return refuse(syntax_error("TO: is missing", syntax));
  auto path = eat_path(argument, {.bare = options_.allow_bare_addresses, .null = false});
  if (!path) return refuse(syntax_error(path.error().detail, syntax));
  const auto parameters = parse_parameters(argument, options_.limits.parameters);
  if (!parameters) return refuse(syntax_error(parameters.error().detail, syntax));
  RecipientOptions asked;
  for (const auto& parameter : *parameters) {
    const auto taken = take_parameter(parameter, offered(), asked);
    if (!taken.known)
      return refuse(
          {555, {5, 5, 4}, "parameter not recognised: " + printable(parameter.keyword, 80)});
    if (!taken.error.empty()) return refuse({501, {5, 5, 4}, taken.error});
    const auto value = parameter.value.value_or(std::string_view{});
    if (!options_.smtputf8 && std::any_of(value.begin(), value.end(), is_8bit))
      return refuse({553, {5, 6, 7}, "the parameter is not ASCII and SMTPUTF8 is not offered"});
  }
  if (path->needs_utf8() && !transaction_.smtputf8) {
    return refuse({553, {5, 6, 7}, "the address is not ASCII and SMTPUTF8 was not asked for"});
  }
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

void ServerMachine::on_data() {
  if (transaction_.recipients.empty()) {
    // LMTP wants 503 (RFC 2033 §4.2).
    if (recipients_refused_)
      return refuse({options_.lmtp ? 503 : 554, {5, 5, 1}, "no valid recipients"});
    return refuse({503, {5, 5, 1}, "DATA not now: send RCPT TO first"});
  }
  if (transaction_.body == Body::binary_mime)
    return refuse({503, {5, 5, 1}, "a BINARYMIME message comes by BDAT"});
  ask(AskData{});
}

void ServerMachine::on_rset() {
  static const Reply given_up{0, {}, "abandoned by the client with RSET"};
  if (phase_ == Phase::chunks) {
    chunk_->was_reset = true;
    return ask(AskEnd{false, &given_up});
  }
  reset_transaction();
  reply(250, {2, 0, 0}, "Ok");
}

void ServerMachine::on_starttls() {
  if (tls_) return refuse({503, {5, 5, 1}, "TLS is up already"});
  if (options_.tls != TlsMode::offered && options_.tls != TlsMode::required) {
    return refuse({502, {5, 5, 1}, "STARTTLS is not offered here"});
  }
  if (phase_ >= Phase::mail) reset_transaction();
  reply(220, {2, 0, 0}, "Ready to start TLS");
  // What came with STARTTLS in one packet was not protected, whoever wrote it: gone
  // (CVE-2011-0411).
  input_ = {};
  start_tls_ = true;
}

void ServerMachine::on_vrfy(std::string_view argument) {
  if (options_.vrfy) return ask(AskVrfy{argument});
  reply(252, {2, 5, 0}, "VRFY is off here; send RCPT TO and see");
}

void ServerMachine::on_expn(std::string_view argument) {
  if (options_.expn) return ask(AskExpn{argument});
  refuse({502, {5, 5, 1}, "EXPN is off here"});
}

// Whether HELP lists it: not the commands of extensions that are off, nor those of the other
// protocol.
bool ServerMachine::is_spoken(Verb verb) const {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
      return !options_.lmtp;
    case Verb::lhlo:
      return options_.lmtp;
    case Verb::bdat:
      return options_.chunking;
    case Verb::xclient:
      return options_.xclient && peer_is_trusted_;
    default:
      return true;
  }
}

void ServerMachine::on_help(std::string_view argument) {
  if (argument.empty()) {
    std::string text = "Commands:";
    for (const auto& row : command_table()) {
      if (is_spoken(row.verb)) (text += ' ') += row.name;
    }
    return reply(214, {2, 0, 0},
                 text + "\nHELP and a command shows its syntax; the standard is RFC 5321");
  }
  const auto command = parse_command(argument);
  if (command.row == nullptr) return refuse({504, {5, 5, 4}, unknown_verb(command.verb).text});
  reply(214, {2, 0, 0}, std::string(command.row->syntax));
}

void ServerMachine::answered(const Reply& answer, const std::vector<Reply>& each) {
  const Question asked = std::move(*question_);
  question_.reset();
  const bool yes = answer.code == 0 || answer.is_success();
  const auto say = [&](int code, EnhancedStatus status, std::string_view text) {
    if (answer.code != 0) return reply(answer);
    reply(code, status, text);
  };

  if (std::holds_alternative<AskConnect>(asked)) {
    say(220, {},
        options_.hostname + " ESMTP" + (options_.banner.empty() ? "" : ' ' + options_.banner));
    if (!yes) return close(Ending::refused);
    mode_ = Mode::commands;
  } else if (std::holds_alternative<AskHelo>(asked)) {
    if (!yes) return refuse(answer);
    helo_ = std::move(pending_helo_);
    esmtp_ = pending_esmtp_;
    // It may be the client's own, passed on as all that follows: a proxy that goes transparent must
    // not lend the client its trust.
    if (spoken_for_) peer_is_trusted_ = false;
    reset_transaction();
    phase_ = Phase::ready;
    reply(greeting_lines());
    shed_out_ = true;  // the longest reply that most sessions get
  } else if (std::holds_alternative<AskMail>(asked)) {
    if (!yes) {
      refuse(answer);
      return reset_transaction();
    }
    recipients_refused_ = false;
    phase_ = Phase::mail;
    ++mails_;
    say(250, {2, 1, 0}, "Ok");
  } else if (std::holds_alternative<AskRcpt>(asked)) {
    if (!yes) {
      drop_recipient();
      return refuse_recipient(answer);
    }
    phase_ = Phase::rcpt;
    // Named twice, it gets the mail once; but LMTP owes a reply for each.
    auto& recipients = transaction_.recipients;
    if (!options_.lmtp && std::find(recipients.begin(), recipients.end() - 1, recipients.back()) !=
                              recipients.end() - 1)
      drop_recipient();
    say(250, {2, 1, 5}, "Ok");
  } else if (std::holds_alternative<AskData>(asked)) {
    if (mode_ == Mode::chunk) {
      if (yes) begin_text();
      if (!yes) chunk_->refusal = std::make_unique<Reply>(answer);
      if (chunk_->left == 0) on_chunk_end();
      return;
    }
    if (!yes) return refuse(answer);
    mode_ = Mode::text;
    begin_text();
    reply(354, {}, "End data with <CR><LF>.<CR><LF>");
  } else if (std::holds_alternative<AskBody>(asked)) {
    if (!yes && !verdict_) verdict_ = std::make_unique<Reply>(answer);
    if (mode_ == Mode::chunk && chunk_->left == 0) on_chunk_end();
  } else if (std::holds_alternative<AskEnd>(asked)) {
    if (chunk_ && std::exchange(chunk_->was_reset, false)) {
      reset_transaction();
      return reply(250, {2, 0, 0}, "Ok");
    }
    const Reply done{250, {2, 0, 0}, "Ok"};
    say_end(verdict_ ? *verdict_ : answer.code != 0 ? answer : done, each);
    if (mode_ != Mode::closing) reset_transaction();
  } else if (std::holds_alternative<AskAuth>(asked)) {
    on_auth_checked(answer);
  } else if (std::holds_alternative<AskXclient>(asked)) {
    const auto attributes = std::move(xclient_);
    if (!yes) {
      refuse(answer);
      // The client is not served, whatever its proxy makes of that; wrong words are only wrong.
      if (answer.code != 501 && mode_ != Mode::closing) close(Ending::refused);
      return;
    }
    helo_.clear();
    login_.clear();
    esmtp_ = false;
    spoken_for_ = true;
    // Certificate and channel are the proxy's: EXTERNAL would make every client of its the proxy.
    if (tls_) {
      tls_->peer_name.clear();
      tls_->verified = false;
      tls_->binding = {};
    }
    reset_transaction();
    phase_ = Phase::greeted;
    for (const auto& [name, value] : *attributes) {
      if (name == "LOGIN" && !value.empty() && value.front() != '[') login_ = value;
      // Until the client's own EHLO comes through the proxy.
      if (name == "HELO" && !value.empty() && value.size() <= most_helo_bytes &&
          value != "[UNAVAILABLE]" && value != "[TEMPUNAVAIL]")
        helo_ = value;
    }
    say(220, {},
        options_.hostname + " ESMTP" + (options_.banner.empty() ? "" : ' ' + options_.banner));
  } else {
    if (!yes) return refuse(answer);
    say(252, {2, 5, 0}, "cannot tell");
  }
}

}  // namespace postroad::smtp
