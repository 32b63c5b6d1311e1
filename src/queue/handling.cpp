// The words of the options on disk; see handling.hpp.
#include "queue/handling.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::queue {

namespace {

// On disk: never renamed.
constexpr std::string_view stays_here = "KEPT-HERE";
constexpr std::string_view undeclared_8bit = "8BIT-UNSAID";
constexpr std::string_view mail_parameters = "MAIL";  // " RET=HDRS MT-PRIORITY=3"
constexpr std::string_view binary = "BINARY";
constexpr std::string_view tls_optional = "TLS-OPTIONAL";
constexpr std::string_view body = "BODY";
constexpr std::string_view smtputf8 = "SMTPUTF8";
constexpr std::string_view tls = "TLS";
constexpr std::string_view key = "KEY";
constexpr std::string_view lifetime = "LIFETIME";  // seconds
constexpr std::array own_names{
    stays_here, undeclared_8bit, mail_parameters, binary, tls_optional, body, smtputf8, tls,
    key,        lifetime};

constexpr std::size_t most_parameters = 32;
constexpr unsigned long long longest = 100ULL * 365 * 86'400;  // seconds

template <class Options>
void read_parameters(std::string_view words, Options& options) {
  const auto parameters = smtp::parse_parameters(words, most_parameters);
  if (!parameters) return;
  for (const auto& parameter : *parameters)
    (void)smtp::take_parameter(parameter, smtp::Offered::all(), options);
}

}  // namespace

Handling handling_of(const spool::Envelope& envelope) {
  Handling handling;
  for (const auto& [name, value] : envelope.options) {
    if (name == stays_here) handling.stays_here = true;
    if (name == body) handling.body_8bit = true;
    if (name == undeclared_8bit) handling.undeclared_8bit = true;
    if (name == binary) handling.binary = true;
    if (name == smtputf8) handling.smtputf8 = true;
    if (name == tls_optional) handling.tls_optional = true;
    if (name == tls) handling.tls = value;
    if (name == key) handling.key = value;
    if (name == lifetime)
      handling.lifetime = std::chrono::seconds(std::min(parse_number(value).value_or(0), longest));
    if (name == mail_parameters) read_parameters(value, handling.asked);
  }
  return handling;
}

void set_handling(spool::Envelope& envelope, const Handling& handling) {
  auto& options = envelope.options;
  std::erase_if(options, [](const auto& option) {
    return std::find(own_names.begin(), own_names.end(), option.first) != own_names.end();
  });
  std::string words;
  smtp::append_parameters(handling.asked, words);
  if (!words.empty()) options.emplace_back(mail_parameters, words);
  if (!handling.tls.empty()) options.emplace_back(tls, handling.tls);
  if (handling.stays_here) options.emplace_back(stays_here, "");
  if (handling.smtputf8) options.emplace_back(smtputf8, "");
  if (handling.binary) options.emplace_back(binary, "");
  if (handling.tls_optional) options.emplace_back(tls_optional, "");
  if (handling.body_8bit) options.emplace_back(body, "8BITMIME");
  if (handling.undeclared_8bit) options.emplace_back(undeclared_8bit, "");
  if (!handling.key.empty()) options.emplace_back(key, handling.key);
  if (handling.lifetime.count() > 0)
    options.emplace_back(lifetime, std::to_string((handling.lifetime.count() + 999) / 1000));
}

void add_policy_option(spool::Envelope& envelope, std::string_view name, std::string value) {
  envelope.options.emplace_back(std::string(policy_option_prefix).append(name), std::move(value));
}

RecipientOptions options_of(const spool::Recipient& recipient) {
  RecipientOptions options;
  if (!recipient.parameters.empty()) read_parameters(recipient.parameters, options);
  return options;
}

std::int64_t released_at(const Handling& handling, const spool::Envelope& envelope) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto& asked = handling.asked;
  auto released = envelope.arrived + milliseconds(asked.hold_for).count();
  if (asked.hold_until)
    released = std::max<std::int64_t>(
        released, duration_cast<milliseconds>(asked.hold_until->time_since_epoch()).count());
  return released;
}

std::optional<std::chrono::milliseconds> time_left(const Handling& handling,
                                                   const spool::Envelope& envelope,
                                                   std::int64_t wall) {
  if (!handling.asked.deliver_by) return std::nullopt;
  return std::chrono::milliseconds(handling.asked.deliver_by->within) -
         std::chrono::milliseconds(wall - envelope.arrived);
}

}  // namespace postroad::queue
