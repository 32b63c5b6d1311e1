// The commands of the server machine and the answers to their questions (RFC 5321 §4.1, §4.2,
// §4.3.2). Each `on_*` checks all that may refuse, then asks; `answered` alone changes the
// transaction.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "mail/mailbox.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/reply.hpp"
#include "proto/smtp/server_machine.hpp"

namespace postroad::smtp {

namespace {

Reply syntax_error(std::string_view what, std::string_view syntax) {
  return {501, {5, 5, 4}, printable(what, 300) + "; syntax: " + std::string(syntax)};
}

std::string_view syntax_of(Verb verb) {
  for (const auto& row : command_table()) {
    if (row.verb == verb) return row.syntax;
  }
  return {};
}

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
    return Reply{503,
                 {5, 5, 1},
                 std::string(row.name) + " not now: send " + std::string(row.before) + " first"};
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
  if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return refuse({500, {5, 5, 2}, "a control character in the command"});
  }
  const auto command = parse_command(line);
  // A web page can make a browser post lines that look like commands: none of them is run.
  if (command.row == nullptr && is_http(command.verb)) {
    reply(554, {5, 5, 1}, "this is SMTP, not HTTP");
    return close(Ending::not_smtp);
  }
  if (command.verb.empty()) return refuse({500, {5, 5, 2}, "an empty line is no command"});
  // Whatever is wrong with a BDAT, its octets must not be run as commands.
  if (command.row != nullptr && command.row->verb == Verb::bdat) return on_bdat(command);
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
  if (!mail::is_domain(name)) {
    const auto verb = extended ? Verb::ehlo : Verb::helo;
    return refuse(
        syntax_error("not a domain or address literal: " + printable(name, 80), syntax_of(verb)));
  }
  pending_helo_ = name;
  pending_esmtp_ = extended;
  ask(AskHelo{pending_helo_});
}

Reply ServerMachine::greeting_lines() const {
  Reply greeting{250, {}, options_.hostname};
  if (!esmtp_) return greeting;
  const auto add = [&](std::string_view line) { (greeting.text += '\n') += line; };
  if (options_.pipelining) add("PIPELINING");
  if (options_.size) add("SIZE " + std::to_string(options_.limits.message_size));
  if (options_.eight_bit_mime) add("8BITMIME");
  if (options_.smtputf8) add("SMTPUTF8");
  if (options_.chunking) add("CHUNKING");
  if (options_.chunking && options_.binary_mime) add("BINARYMIME");
  if (options_.dsn) add("DSN");
  if (options_.deliver_by) {
    const auto least = options_.least_deliver_by.count();
    add(least == 0 ? "DELIVERBY" : "DELIVERBY " + std::to_string(least));
  }
  if (options_.future_release)
    add("FUTURERELEASE " + std::to_string(options_.longest_hold.count()) + ' ' +
        format_date_time(wall_time_ + options_.longest_hold));
  if (options_.mt_priority) add("MT-PRIORITY");
  if (options_.require_tls && tls_) add("REQUIRETLS");
  if (options_.prdr && !options_.lmtp) add("PRDR");
  if (options_.limits_keyword)
    add("LIMITS RCPTMAX=" + std::to_string(options_.limits.recipients) +
        " MAILMAX=" + std::to_string(options_.limits.mails));
  if (options_.xclient && peer_is_trusted_)
    add("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
  if (!tls_ && (options_.tls == TlsMode::offered || options_.tls == TlsMode::required))
    add("STARTTLS");
  if (options_.auth && login_.empty() && (tls_ || options_.allow_auth_in_clear)) {
    std::string line = "AUTH";
    for (const auto& name : options_.mechanisms) {
      if (offers_mechanism(name)) (line += ' ') += name;
    }
    if (line.size() > 4) add(line);
  }
  if (options_.vrfy) add("VRFY");
  if (options_.expn) add("EXPN");
  add("HELP");
  if (options_.enhanced_status_codes) add("ENHANCEDSTATUSCODES");
  return greeting;
}

std::optional<Reply> ServerMachine::apply_parameters(std::string_view text,
                                                     Transaction& transaction) const {
  const auto parameters = parse_parameters(text, options_.limits.parameters);
  if (!parameters) return syntax_error(parameters.error().detail, syntax_of(Verb::mail));
  for (const auto& [keyword, value] : *parameters) {
    if (iequals(keyword, "SIZE") && value && options_.size) {
      transaction.declared_size = parse_number(*value);
      if (!transaction.declared_size) return Reply{501, {5, 5, 4}, "SIZE wants a number of octets"};
      if (*transaction.declared_size > options_.limits.message_size) {
        return Reply{552,
                     {5, 3, 4},
                     "the message is larger than " + std::to_string(options_.limits.message_size) +
                         " octets"};
      }
    } else if (iequals(keyword, "BODY") && value && options_.eight_bit_mime) {
      const bool eight = iequals(*value, "8BITMIME");
      const bool binary =
          options_.chunking && options_.binary_mime && iequals(*value, "BINARYMIME");
      if (!eight && !binary && !iequals(*value, "7BIT"))
        return Reply{501, {5, 5, 4}, "BODY wants 7BIT or 8BITMIME"};
      transaction.body = eight    ? Body::eight_bit_mime
                         : binary ? Body::binary_mime
                                  : Body::seven_bit;
    } else if (iequals(keyword, "SMTPUTF8") && !value && options_.smtputf8) {
      transaction.smtputf8 = true;
    } else if (iequals(keyword, "PRDR") && !value && options_.prdr && !options_.lmtp) {
      transaction.prdr = true;
    } else {
      if (!transaction.options) transaction.options = std::make_unique<MailOptions>();
      const auto taken = take_parameter({keyword, value}, offered(), *transaction.options);
      if (!taken.known)
        return Reply{555, {5, 5, 4}, "parameter not recognised: " + printable(keyword, 80)};
      if (!taken.error.empty()) return Reply{501, {5, 5, 4}, taken.error};
    }
  }
  if (!transaction.options) return std::nullopt;
  return check_options(*transaction.options);
}

Offered ServerMachine::offered() const {
  return {options_.dsn,         options_.deliver_by,          options_.future_release,
          options_.mt_priority, options_.require_tls && tls_, options_.auth};
}

// What the values come to, where each by itself is right.
std::optional<Reply> ServerMachine::check_options(const MailOptions& asked) const {
  if (asked.deliver_by && asked.deliver_by->otherwise == DeliverBy::Else::give_up &&
      asked.deliver_by->within < options_.least_deliver_by) {
    return Reply{553,
                 {5, 5, 4},
                 "BY: not within less than " + std::to_string(options_.least_deliver_by.count()) +
                     " seconds"};
  }
  const bool too_long =
      asked.hold_for > options_.longest_hold ||
      (asked.hold_until && *asked.hold_until > wall_time_ + options_.longest_hold);
  if (too_long) {
    return Reply{
        501,
        {5, 5, 4},
        "a mail is held for at most " + std::to_string(options_.longest_hold.count()) + " seconds"};
  }
  return std::nullopt;
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
  }
  if (path->needs_utf8() && !transaction_.smtputf8) {
    return refuse({553, {5, 6, 7}, "the address is not ASCII and SMTPUTF8 was not asked for"});
  }
  if (transaction_.recipients.size() >= options_.limits.recipients) {
    recipients_refused_ = true;
    return refuse(
        {452,
         {4, 5, 3},
         "more than " + std::to_string(options_.limits.recipients) + " recipients in one message"});
  }
  transaction_.recipients.push_back(std::move(*path));
  if (!asked.is_empty()) {
    transaction_.recipient_options.resize(transaction_.recipients.size());
    transaction_.recipient_options.back() = std::move(asked);
  }
  ask(AskRcpt{transaction_.recipients.back()});
}

void ServerMachine::on_data() {
  if (transaction_.recipients.empty()) {
    if (recipients_refused_) return refuse({554, {5, 5, 1}, "no valid recipients"});
    return refuse({503, {5, 5, 1}, "DATA not now: send RCPT TO first"});
  }
  if (transaction_.body == Body::binary_mime)
    return refuse({503, {5, 5, 1}, "a BINARYMIME message comes by BDAT"});
  ask(AskData{});
}

void ServerMachine::on_rset() {
  static const Reply given_up{0, {}, "given up by the client"};
  if (phase_ == Phase::chunks) {
    was_reset_ = true;
    return ask(AskEnd{false, &given_up});
  }
  reset_transaction();
  reply(250, {2, 0, 0}, "Ok");
}

void ServerMachine::on_xclient(std::string_view argument) {
  if (!options_.xclient || !peer_is_trusted_)
    return refuse({550, {5, 7, 0}, "XCLIENT is not for you"});
  static constexpr std::array<std::string_view, 9> names{
      "NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT", "REVERSE_NAME"};
  auto attributes = std::make_unique<std::vector<std::pair<std::string, std::string>>>();
  for (const auto word : split(argument, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    auto name = upper(word.substr(0, equals));
    const auto value =
        equals == std::string_view::npos ? std::nullopt : decode_xtext(word.substr(equals + 1));
    if (std::find(names.begin(), names.end(), name) == names.end() ||
        attributes->size() == names.size())
      return refuse({501, {5, 5, 4}, "XCLIENT: not an attribute: " + printable(name, 40)});
    if (!value || std::any_of(value->begin(), value->end(), is_control))
      return refuse({501, {5, 5, 4}, "XCLIENT: " + name + " wants xtext (RFC 3461)"});
    attributes->emplace_back(std::move(name), *value);
  }
  xclient_ = std::move(attributes);
  ask(AskXclient{*xclient_});
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
      recipients_refused_ = true;
      drop_recipient();
      return refuse(answer);
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
      if (!yes) chunk_refusal_ = std::make_unique<Reply>(answer);
      if (chunk_left_ == 0) on_chunk_end();
      return;
    }
    if (!yes) return refuse(answer);
    mode_ = Mode::text;
    begin_text();
    reply(354, {}, "End data with <CR><LF>.<CR><LF>");
  } else if (std::holds_alternative<AskBody>(asked)) {
    if (!yes && !verdict_) verdict_ = std::make_unique<Reply>(answer);
    if (mode_ == Mode::chunk && chunk_left_ == 0) on_chunk_end();
  } else if (std::holds_alternative<AskEnd>(asked)) {
    if (std::exchange(was_reset_, false)) {
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
    reset_transaction();
    phase_ = Phase::greeted;
    for (const auto& [name, value] : *attributes) {
      if (name == "LOGIN" && !value.empty() && value.front() != '[') login_ = value;
      // Until the client's own EHLO comes through the proxy.
      if (name == "HELO" && mail::is_domain(value)) helo_ = value;
    }
    say(220, {},
        options_.hostname + " ESMTP" + (options_.banner.empty() ? "" : ' ' + options_.banner));
  } else {
    if (!yes) return refuse(answer);
    say(252, {2, 5, 0}, "cannot tell");
  }
}

}  // namespace postroad::smtp
