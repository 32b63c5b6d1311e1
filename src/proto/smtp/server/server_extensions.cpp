// Extensions of the server machine's commands: the keywords of the EHLO reply, the parameters of
// MAIL, XCLIENT. Parameters that travel with the message: mail_parameters.cpp.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "proto/smtp/server/syntax_error.hpp"

namespace postroad::smtp {

// Empty where AUTH is not offered now.
std::string ServerMachine::auth_line() const {
  if (!options_.auth || !login_.empty() || (!tls_ && !options_.allow_auth_in_clear)) return {};
  std::string line;
  for (const auto& name : options_.mechanisms) {
    if (offers_mechanism(name)) (line += ' ') += name;
  }
  return line.empty() ? line : "AUTH" + line;
}

Reply ServerMachine::ehlo_reply() const {
  Reply greeting{250, {}, options_.hostname};
  if (!hello_.is_esmtp) return greeting;
  const auto add = [&](std::string_view line) { (greeting.text += '\n') += line; };
  if (options_.extensions.pipelining) add("PIPELINING");
  if (options_.extensions.size) add("SIZE " + std::to_string(options_.limits.message_size));
  if (options_.extensions.eight_bit_mime) add("8BITMIME");
  if (options_.extensions.smtputf8) add("SMTPUTF8");
  if (options_.extensions.chunking) add("CHUNKING");
  if (options_.extensions.chunking && options_.extensions.binary_mime) add("BINARYMIME");
  if (options_.extensions.dsn) add("DSN");
  if (options_.extensions.deliver_by) {
    const auto least = options_.extensions.least_deliver_by.count();
    add(least == 0 ? "DELIVERBY" : "DELIVERBY " + std::to_string(least));
  }
  if (options_.extensions.future_release)
    add("FUTURERELEASE " + std::to_string(options_.extensions.longest_hold.count()) + ' ' +
        format_date_time(wall_time() + options_.extensions.longest_hold));
  if (options_.extensions.mt_priority) add("MT-PRIORITY");
  if (options_.extensions.require_tls && tls_) add("REQUIRETLS");
  if (options_.extensions.prdr && !options_.lmtp) add("PRDR");
  if (options_.extensions.limits_keyword)
    add("LIMITS RCPTMAX=" + std::to_string(options_.limits.recipients) +
        " MAILMAX=" + std::to_string(options_.limits.messages));
  if (options_.extensions.xclient && proxy_.is_trusted)
    add("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT");
  if (!tls_ && (options_.tls == TlsMode::offered || options_.tls == TlsMode::required))
    add("STARTTLS");
  if (const auto line = auth_line(); !line.empty()) add(line);
  if (options_.vrfy) add("VRFY");
  if (options_.expn) add("EXPN");
  add("HELP");
  if (options_.extensions.enhanced_status_codes) add("ENHANCEDSTATUSCODES");
  return greeting;
}

std::optional<Reply> ServerMachine::apply_parameters(std::string_view text,
                                                     Transaction& transaction) const {
  const auto parameters = parse_parameters(text, options_.limits.parameters);
  if (!parameters) return syntax_error(parameters.error().detail, syntax_of(Verb::mail));
  for (const auto& [keyword, value] : *parameters) {
    if (iequals(keyword, "SIZE") && value && options_.extensions.size) {
      transaction.declared_size = parse_number(*value);
      if (!transaction.declared_size) return Reply{501, {5, 5, 4}, "SIZE needs a number of bytes"};
      if (*transaction.declared_size > options_.limits.message_size) {
        return Reply{
            552,
            {5, 3, 4},
            "message too large (limit " + std::to_string(options_.limits.message_size) + " bytes)"};
      }
    } else if (iequals(keyword, "BODY") && value && options_.extensions.eight_bit_mime) {
      const bool eight = iequals(*value, "8BITMIME");
      const bool binary = options_.extensions.chunking && options_.extensions.binary_mime &&
                          iequals(*value, "BINARYMIME");
      if (!eight && !binary && !iequals(*value, "7BIT"))
        return Reply{501, {5, 5, 4}, "BODY needs 7BIT or 8BITMIME"};
      transaction.body = eight    ? Body::eight_bit_mime
                         : binary ? Body::binary_mime
                                  : Body::seven_bit;
    } else if (iequals(keyword, "SMTPUTF8") && !value && options_.extensions.smtputf8) {
      transaction.smtputf8 = true;
    } else if (iequals(keyword, "PRDR") && !value && options_.extensions.prdr && !options_.lmtp) {
      transaction.prdr = true;
    } else {
      if (!transaction.options) transaction.options = std::make_unique<MailOptions>();
      const auto taken = take_parameter({keyword, value}, offered(), *transaction.options);
      if (!taken.known)
        return Reply{555, {5, 5, 4}, "parameter not recognized: " + printable(keyword, 80)};
      if (!taken.error.empty()) return Reply{501, {5, 5, 4}, taken.error};
    }
  }
  if (!transaction.options) return std::nullopt;
  return check_options(*transaction.options);
}

Offered ServerMachine::offered() const {
  return {options_.extensions.dsn,
          options_.extensions.deliver_by,
          options_.extensions.future_release,
          options_.extensions.mt_priority,
          options_.extensions.require_tls && tls_,
          options_.auth};
}

// Values that are well formed, against the limits of this server.
std::optional<Reply> ServerMachine::check_options(const MailOptions& asked) const {
  if (asked.deliver_by && asked.deliver_by->otherwise == DeliverBy::Else::give_up &&
      asked.deliver_by->within < options_.extensions.least_deliver_by) {
    return Reply{553,
                 {5, 5, 4},
                 "BY time too short (minimum " +
                     std::to_string(options_.extensions.least_deliver_by.count()) + " seconds)"};
  }
  const bool too_long =
      asked.hold_for > options_.extensions.longest_hold ||
      (asked.hold_until && *asked.hold_until > wall_time() + options_.extensions.longest_hold);
  if (too_long) {
    return Reply{501,
                 {5, 5, 4},
                 "hold time too long (limit " +
                     std::to_string(options_.extensions.longest_hold.count()) + " seconds)"};
  }
  return std::nullopt;
}

void ServerMachine::on_xclient(const CommandLine& command) {
  if (!options_.extensions.xclient || !proxy_.is_trusted)
    return refuse({550, {5, 7, 0}, "XCLIENT: insufficient authorization"});
  static constexpr std::array<std::string_view, 9> names{
      "NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT", "REVERSE_NAME"};
  auto attributes = std::make_unique<Attributes>();
  for (const auto word : split(command.argument, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    auto name = upper(word.substr(0, equals));
    const auto value =
        equals == std::string_view::npos ? std::nullopt : decode_xtext(word.substr(equals + 1));
    if (std::find(names.begin(), names.end(), name) == names.end() ||
        attributes->size() == names.size())
      return refuse({501, {5, 5, 4}, "XCLIENT: attribute not recognized: " + printable(name, 40)});
    if (!value || std::any_of(value->begin(), value->end(), is_control))
      return refuse({501, {5, 5, 4}, "XCLIENT: " + name + " needs xtext (RFC 3461)"});
    attributes->emplace_back(std::move(name), *value);
  }
  proxy_.attributes = std::move(attributes);
  ask(AskXclient{*proxy_.attributes});
}

}  // namespace postroad::smtp
