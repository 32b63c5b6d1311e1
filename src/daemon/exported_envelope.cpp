// See exported_envelope.hpp. Boost.JSON is compiled here and used nowhere else.
#include "daemon/exported_envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/src.hpp>
#include <limits>
#include <optional>
#include <postroad/mailbox.hpp>

#include "base/text.hpp"
#include "observe/sinks.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::daemon {

namespace json = boost::json;

namespace {

using observe::json_string;

constexpr std::int64_t export_version = 1;
constexpr std::size_t most_parameters_of_recipient = 32;
constexpr std::array<std::string_view, 4> states{"pending", "delivered", "refused", "unknown"};

std::string exported_recipient(const spool::Recipient& one) {
  return fmt::format(
      R"({{"address":{},"original":{},"state":"{}","attempts":{},"next_attempt":{},"last_attempt":{},"note":{},"host":{},"reported":{},"delay_reported":{},"held":{},"parameters":{}}})",
      json_string(one.address), json_string(one.original),
      states[static_cast<std::size_t>(one.state)], one.attempts, one.next_attempt, one.last_attempt,
      json_string(one.note), json_string(one.host), one.is_reported, one.is_delay_reported,
      one.is_held, json_string(one.parameters));
}

Error wrong_export(std::string_view field, std::string_view why) {
  return fail(Fault::data, std::string(field), std::string(why));
}

// Reads the fields of one object. The first error stays; what is read after it means nothing.
class Fields final {
 public:
  Fields(const json::value& value, std::string place) : place_(std::move(place)) {
    object_ = value.if_object();
    if (object_ == nullptr) wrong({}, "expected an object");
  }

  void read(std::string_view name, std::string& into) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* text = value->if_string();
    if (text == nullptr) return wrong(name, "expected a string");
    into.assign(text->data(), text->size());
    // A line break would become a line of an SMTP session or of a header.
    if (std::any_of(into.begin(), into.end(), is_control))
      wrong(name, "a control character is not allowed");
  }
  // A text for people, as a client or a server sent it.
  void read_foreign(std::string_view name, std::string& into) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* text = value->if_string();
    if (text == nullptr) return wrong(name, "expected a string");
    into.assign(text->data(), text->size());
    std::replace_if(into.begin(), into.end(), is_control, '?');
  }
  template <class Number>
  void read_number(std::string_view name, Number& into, std::int64_t most) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* number = value->if_int64();
    if (number == nullptr || *number < 0 || *number > most)
      return wrong(name, "expected a number that is not negative");
    into = static_cast<Number>(*number);
  }
  void read(std::string_view name, bool& into) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* flag = value->if_bool();
    if (flag == nullptr) return wrong(name, "expected true or false");
    into = *flag;
  }
  [[nodiscard]] const json::array* list(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr) return nullptr;
    const auto* list = value->if_array();
    if (list == nullptr) wrong(name, "expected an array");
    return list;
  }
  void wrong(std::string_view name, std::string_view why) {
    if (error_) return;
    const std::string separator = place_.empty() || name.empty() ? "" : ".";
    error_ = wrong_export(place_ + separator + std::string(name), why);
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const json::value* find(std::string_view name) {
    if (error_) return nullptr;
    const auto* value = object_->if_contains(name);
    if (value == nullptr) wrong(name, "is missing");
    return value;
  }

  std::string place_;
  const json::object* object_ = nullptr;
  std::optional<Error> error_;
};

// As an address of an SMTP session: `postmaster` needs no domain.
bool is_recipient(const std::string& address) {
  return iequals(address, "postmaster") || Mailbox::parse(address).has_value();
}

bool are_parameters(const std::string& words) {
  RecipientOptions options;
  const auto parameters = smtp::parse_parameters(words, most_parameters_of_recipient);
  return parameters && std::all_of(parameters->begin(), parameters->end(), [&](const auto& one) {
           return smtp::take_parameter(one, smtp::Offered::all(), options).error.empty();
         });
}

Result<spool::Recipient> read_recipient(const json::value& value, std::size_t index) {
  constexpr auto latest = std::numeric_limits<std::int64_t>::max() / 2;
  spool::Recipient one;
  Fields fields(value, "recipients[" + std::to_string(index) + ']');
  std::string state;
  fields.read("address", one.address);
  fields.read("original", one.original);
  fields.read("state", state);
  fields.read_number("attempts", one.attempts, std::numeric_limits<std::uint32_t>::max());
  fields.read_number("next_attempt", one.next_attempt, latest);
  fields.read_number("last_attempt", one.last_attempt, latest);
  fields.read_foreign("note", one.note);
  fields.read_foreign("host", one.host);
  fields.read("reported", one.is_reported);
  fields.read("delay_reported", one.is_delay_reported);
  fields.read("held", one.is_held);
  fields.read("parameters", one.parameters);
  const auto found = std::find(states.begin(), states.end(), state);
  if (found == states.end()) fields.wrong("state", "no such state");
  if (!is_recipient(one.address)) fields.wrong("address", "not an address");
  if (!one.original.empty() && !is_recipient(one.original))
    fields.wrong("original", "not an address");
  if (!one.parameters.empty() && !are_parameters(one.parameters))
    fields.wrong("parameters", "not the parameters of RCPT");
  if (fields.error()) return *fields.error();
  one.state = static_cast<spool::State>(found - states.begin());
  return one;
}

Result<void> read_options(const json::array& list, spool::Envelope& envelope) {
  for (const auto& value : list) {
    Fields fields(value, "options");
    auto& [name, text] = envelope.options.emplace_back();
    fields.read("name", name);
    fields.read("value", text);
    if (fields.error()) return *fields.error();
  }
  return {};
}

}  // namespace

std::string export_json(const ExportedMessage& message) {
  const auto& envelope = message.envelope;
  std::string options;
  for (const auto& [name, value] : envelope.options)
    options += fmt::format(R"({}{{"name":{},"value":{}}})", options.empty() ? "" : ",",
                           json_string(name), json_string(value));
  std::string recipients;
  for (const auto& one : envelope.recipients)
    recipients += (recipients.empty() ? "" : ",") + exported_recipient(one);
  return fmt::format(
             R"({{"version":{},"id":"{}","size":{},"sender":{},"arrived":{},"client":{},"helo":{},"login":{},"protocol":{},"options":[{}],"recipients":[{}]}})",
             export_version, message.id.text(), message.size, json_string(envelope.reverse_path),
             envelope.arrived, json_string(envelope.client), json_string(envelope.helo),
             json_string(envelope.login), json_string(envelope.protocol), options, recipients) +
         '\n';
}

Result<ExportedMessage> parse_export(std::string_view text) {
  if (text.size() > longest_export) return wrong_export({}, "longer than 64 MiB");
  json::error_code error;
  json::parse_options how;
  how.max_depth = 8;
  const auto root = json::parse(json::string_view(text.data(), text.size()), error, {}, how);
  if (error) return wrong_export({}, "not JSON: " + error.message());
  constexpr auto longest = std::numeric_limits<std::int64_t>::max() / 2;
  ExportedMessage made;
  auto& envelope = made.envelope;
  std::int64_t version = 0;
  std::string id;
  Fields fields(root, {});
  fields.read_number("version", version, longest);
  if (version != export_version)
    fields.wrong("version", "this program reads version 1; use a newer one");
  fields.read("id", id);
  fields.read_number("size", made.size, longest);
  fields.read("sender", envelope.reverse_path);
  fields.read_number("arrived", envelope.arrived, longest);
  fields.read_foreign("client", envelope.client);
  fields.read_foreign("helo", envelope.helo);
  fields.read_foreign("login", envelope.login);
  fields.read_foreign("protocol", envelope.protocol);
  const auto* options = fields.list("options");
  const auto* recipients = fields.list("recipients");
  if (!envelope.reverse_path.empty() && !Mailbox::parse(envelope.reverse_path))
    fields.wrong("sender", "not an address");
  const auto parsed_id = spool::QueueId::parse(id);
  if (!parsed_id) fields.wrong("id", "not a queue id");
  if (recipients != nullptr && recipients->empty()) fields.wrong("recipients", "there is none");
  if (fields.error()) return *fields.error();
  made.id = *parsed_id;
  if (auto read = read_options(*options, envelope); !read) return read.error();
  for (std::size_t i = 0; i < recipients->size(); ++i) {
    auto one = read_recipient((*recipients)[i], i);
    if (!one) return one.error();
    envelope.recipients.push_back(std::move(*one));
  }
  return made;
}

}  // namespace postroad::daemon
