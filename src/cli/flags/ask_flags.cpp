// The flags of `postroad send` for the parameters of MAIL and RCPT.
#include "base/text.hpp"
#include "cli/flags/server_flags.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::cli {

void AskFlags::add_to(std::vector<config::Flag>& flags) {
  flags.push_back({.name = "dsn-return",
                   .value = "WHAT",
                   .doc = "Content of failure reports: the header or the whole message (DSN).",
                   .target = &return_content,
                   .words = {"HDRS", "FULL"}});
  flags.push_back({.name = "envelope-id",
                   .value = "ID",
                   .doc = "Envelope id, which reports repeat (DSN).",
                   .target = &envelope_id});
  flags.push_back({.name = "notify",
                   .value = "WHEN",
                   .doc = "Reports wanted: NEVER, or a comma-separated list of SUCCESS, FAILURE, "
                          "DELAY (DSN).",
                   .target = &notify});
  flags.push_back(
      {.name = "original-recipient",
       .value = "TYPE;ADDRESS",
       .doc = "Original recipient, such as rfc822;ben@example.org (DSN). Needs exactly one "
              "recipient.",
       .target = &original});
  flags.push_back({.name = "deliver-by",
                   .value = "SECONDS;MODE",
                   .doc =
                       "Deliver within so many seconds. MODE R: else return the message; N: else "
                       "notify (DELIVERBY).",
                   .target = &deliver_by});
  flags.push_back({.name = "hold-for",
                   .value = "TIME",
                   .doc = "Deliver no earlier than this long from now (FUTURERELEASE).",
                   .target = &hold_for,
                   .excludes = {"--hold-until"}});
  flags.push_back(
      {.name = "hold-until",
       .value = "TIME",
       .doc = "Deliver no earlier than this, such as 2026-11-28T09:00:00Z (FUTURERELEASE).",
       .target = &hold_until});
  flags.push_back({.name = "priority",
                   .value = "NUMBER",
                   .doc = "Priority from -9 to 9 (MT-PRIORITY).",
                   .target = &priority,
                   .default_text = "none is sent, which means 0"});
  flags.push_back({.name = "submitter",
                   .value = "ADDRESS",
                   .doc = "Original submitter, as a trusted relay states it (AUTH= of MAIL).",
                   .target = &submitter});
  flags.push_back({.name = "require-tls-all-hops",
                   .doc = "Require verified TLS at every hop, or no delivery (REQUIRETLS, RFC "
                          "8689). For TLS to this server alone, use --require-tls.",
                   .target = &require_tls});
  flags.push_back({.name = "requiretls",
                   .target = [](std::string_view) -> Result<void> {
                     return fail(
                         Fault::input, {},
                         "this flag was renamed; use --require-tls for TLS to this server, or "
                         "--require-tls-all-hops for TLS at every hop (REQUIRETLS, RFC 8689)");
                   },
                   .hidden = true});
}

namespace {

// A parameter as its flag gives it, and what the flag expects.
struct Parameter {
  std::string_view flag;
  std::string_view keyword;
  const std::optional<std::string>& value;
  std::string_view form;
};

Error unexpected(std::string_view flag, std::string_view value, std::string_view form) {
  return fail(Fault::input, std::string(flag) + ' ' + printable(value, 80),
              "expected " + std::string(form));
}

// Through the same parser as the server has. In MAIL and RCPT such values are xtext (RFC 3461).
template <class Options>
Result<void> take(const Parameter& given, bool is_xtext, Options& options) {
  if (!given.value) return {};
  const auto value = is_xtext ? smtp::encode_xtext(*given.value) : *given.value;
  const auto taken = smtp::take_parameter({given.keyword, value}, smtp::Offered::all(), options);
  if (!taken.error.empty()) return unexpected(given.flag, *given.value, given.form);
  return {};
}

Result<void> take_texts(const AskFlags& flags, MailOptions& options, RecipientOptions& each) {
  for (const auto& taken :
       {take({"--dsn-return", "RET", flags.return_content, "HDRS or FULL"}, false, options),
        take({"--envelope-id", "ENVID", flags.envelope_id, "at most 100 bytes of printable ASCII"},
             true, options),
        take({"--deliver-by", "BY", flags.deliver_by,
              "SECONDS;R or SECONDS;N, such as '120;R', and more than 0 seconds with R"},
             false, options),
        take({"--hold-until", "HOLDUNTIL", flags.hold_until, "a time such as 2026-11-28T09:00:00Z"},
             false, options),
        take({"--submitter", "AUTH", flags.submitter,
              "an address without control characters, or <>"},
             true, options),
        take({"--notify", "NOTIFY", flags.notify,
              "NEVER, or a comma-separated list of SUCCESS, FAILURE, DELAY"},
             false, each)}) {
    if (!taken) return taken;
  }
  return {};
}

Result<void> take_numbers(const AskFlags& flags, MailOptions& options) {
  if (flags.hold_for) {
    options.hold_for = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::milliseconds(*flags.hold_for));
    if (options.hold_for.count() < 1 || options.hold_for.count() > 999'999'999)
      return unexpected("--hold-for", config::format(*flags.hold_for), "1 to 999999999 seconds");
  }
  if (flags.priority) {
    if (*flags.priority < -9 || *flags.priority > 9)
      return unexpected("--priority", std::to_string(*flags.priority), "a number from -9 to 9");
    options.priority = flags.priority;
  }
  return {};
}

Result<void> take_original(const AskFlags& flags, std::size_t recipients, RecipientOptions& each) {
  if (!flags.original) return {};
  const auto semicolon = std::min(flags.original->find(';'), flags.original->size());
  each.original_type = lower(flags.original->substr(0, semicolon));
  each.original = flags.original->substr(std::min(semicolon + 1, flags.original->size()));
  if (each.original_type.empty() || each.original.empty())
    return unexpected("--original-recipient", *flags.original,
                      "TYPE;ADDRESS, such as 'rfc822;ben@example.org'");
  if (recipients != 1)
    return fail(Fault::input, "--original-recipient",
                "needs exactly one recipient, and there are " + std::to_string(recipients));
  return {};
}

}  // namespace

Result<void> ask(const AskFlags& flags, Envelope& envelope) {
  auto& options = envelope.options;
  RecipientOptions each;
  for (const auto& taken : {take_texts(flags, options, each), take_numbers(flags, options),
                            take_original(flags, envelope.recipients.size(), each)}) {
    if (!taken) return taken;
  }
  options.require_tls = flags.require_tls;
  auto wrong = smtp::wrong_with(options);
  if (wrong.empty()) wrong = smtp::wrong_with(each);
  if (!wrong.empty()) return fail(Fault::input, "the parameters of MAIL and RCPT", wrong);
  if (!each.is_empty()) envelope.recipient_options.assign(envelope.recipients.size(), each);
  return {};
}

}  // namespace postroad::cli
