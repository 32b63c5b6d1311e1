// See json.hpp.
#include "mailbox/json.hpp"

#include <fmt/format.h>

#include <postroad/address.hpp>
#include <string_view>

#include "base/text.hpp"
#include "observe/sinks.hpp"

namespace postroad::mailbox {

using observe::json_string;

namespace {

// The addresses of a field, as far as they can be parsed.
std::string addresses_of(const MailPart& part, std::string_view name) {
  std::string out = "[";
  for (const auto& field : part.fields) {
    if (!iequals(field.name, name)) continue;
    const auto list = parse_address_list(field.value(), {.tolerant = true});
    if (!list) continue;
    for (const auto& one : *list)
      out += fmt::format(R"({}{{"name":{},"address":{}}})", out.size() > 1 ? "," : "",
                         json_string(one.name), json_string(one.mailbox.text()));
  }
  return out + "]";
}

}  // namespace

std::string to_json(const std::vector<StoredMessage>& messages) {
  std::string out = "[";
  for (const auto& one : messages) {
    out += fmt::format(
        R"({}{{"id":{},"mailbox":{},"time":{},"from":{},"to":{},"subject":{},"size":{},"path":{}}})",
        out.size() > 1 ? ",\n " : "", json_string(one.id), json_string(one.mailbox), one.time,
        json_string(one.from), json_string(one.to), json_string(one.subject), one.size,
        json_string(one.path.string()));
  }
  return out + "]";
}

std::string to_json(const StoredMessage& message, const MailPart& part) {
  std::string fields;
  for (const auto& field : part.fields) {
    fields += fmt::format("{}[{},{}]", fields.empty() ? "" : ",", json_string(field.name),
                          json_string(part.header(field.name)));
  }
  const auto* text = part.first("text/plain");
  const auto* html = part.first("text/html");
  return fmt::format(
      R"({{"id":{},"mailbox":{},"header":[{}],"from":{},"to":{},"cc":{},"text":{},"html":{}}})",
      json_string(message.id), json_string(message.mailbox), fields, addresses_of(part, "From"),
      addresses_of(part, "To"), addresses_of(part, "Cc"),
      text == nullptr ? "null" : json_string(text->text()),
      html == nullptr ? "null" : json_string(html->text()));
}

}  // namespace postroad::mailbox
