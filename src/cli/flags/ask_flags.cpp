// The flags of `postroad send` that ask something of the servers, in the words of MAIL and RCPT.
#include "base/text.hpp"
#include "cli/flags/server_flags.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::cli {

void AskFlags::add_to(std::vector<config::Flag>& flags) {
  flags.push_back({.name = "dsn-return",
                   .value = "WHAT",
                   .doc = "What a report of failure brings back (DSN).",
                   .target = &return_content,
                   .words = {"HDRS", "FULL"}});
  flags.push_back({.name = "envelope-id",
                   .value = "ID",
                   .doc = "What reports name the mail by (DSN).",
                   .target = &envelope_id});
  flags.push_back({.name = "notify",
                   .value = "WHEN",
                   .doc = "NEVER, or SUCCESS, FAILURE, DELAY with commas (DSN).",
                   .target = &notify});
  flags.push_back({.name = "original-recipient",
                   .value = "TYPE;ADDRESS",
                   .doc = "Whom it was first for, as rfc822;ben@example.org (DSN); one recipient.",
                   .target = &original});
  flags.push_back({.name = "deliver-by",
                   .value = "SECONDS;MODE",
                   .doc = "Within so many seconds, R: or give up, N: or say so (DELIVERBY).",
                   .target = &deliver_by});
  flags.push_back({.name = "hold-for",
                   .value = "TIME",
                   .doc = "Not before so long from now (FUTURERELEASE).",
                   .target = &hold_for});
  flags.push_back({.name = "hold-until",
                   .value = "TIME",
                   .doc = "Not before 2026-11-28T09:00:00Z, say (FUTURERELEASE).",
                   .target = &hold_until});
  flags.push_back({.name = "priority",
                   .value = "NUMBER",
                   .doc = "From -9 to 9, 0 is usual (MT-PRIORITY).",
                   .target = &priority});
  flags.push_back({.name = "submitter",
                   .value = "ADDRESS",
                   .doc = "Who submitted it, as a trusted relay says (AUTH=).",
                   .target = &submitter});
  flags.push_back({.name = "require-tls-all-hops",
                   .doc = "Verified TLS at each hop, or no delivery (REQUIRETLS).",
                   .target = &require_tls});
}

namespace {

// One value through the same reader that a server has.
template <class Options>
Result<void> take(const std::string& flag, std::string_view keyword,
                  const std::optional<std::string>& value, Options& options) {
  if (!value) return {};
  const auto taken = smtp::take_parameter({keyword, *value}, smtp::Offered::all(), options);
  if (!taken.error.empty()) return fail(Fault::input, flag, taken.error);
  return {};
}

}  // namespace

Result<void> ask(const AskFlags& flags, Envelope& envelope) {
  auto& options = envelope.options;
  RecipientOptions each;
  const auto xtext = [](const std::optional<std::string>& text) {
    return text ? std::optional(smtp::encode_xtext(*text)) : std::nullopt;
  };
  std::optional<std::string> original;
  if (flags.original) {
    const auto semicolon = std::min(flags.original->find(';'), flags.original->size());
    each.original_type = lower(flags.original->substr(0, semicolon));
    each.original = flags.original->substr(std::min(semicolon + 1, flags.original->size()));
    if (each.original_type.empty() || each.original.empty() || envelope.recipients.size() != 1)
      return fail(Fault::input, "--original-recipient",
                  "wants a type, a semicolon and an address, as rfc822;ben@example.org, and one "
                  "recipient");
  }
  for (const auto& taken : {take("--dsn-return", "RET", flags.return_content, options),
                            take("--envelope-id", "ENVID", xtext(flags.envelope_id), options),
                            take("--deliver-by", "BY", flags.deliver_by, options),
                            take("--hold-until", "HOLDUNTIL", flags.hold_until, options),
                            take("--submitter", "AUTH", xtext(flags.submitter), options),
                            take("--notify", "NOTIFY", flags.notify, each)}) {
    if (!taken) return taken.error();
  }
  if (flags.hold_for)
    options.hold_for = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::milliseconds(*flags.hold_for));
  if (flags.priority) options.priority = *flags.priority;
  options.require_tls = flags.require_tls;
  auto wrong = smtp::wrong_with(options);
  if (wrong.empty()) wrong = smtp::wrong_with(each);
  if (!wrong.empty()) return fail(Fault::input, "what is asked", wrong);
  if (!each.is_empty()) envelope.recipient_options.assign(envelope.recipients.size(), each);
  return {};
}

}  // namespace postroad::cli
