// The nesting of multiparts, from the inside: multipart/related for HTML with embedded parts,
// multipart/alternative for several bodies, multipart/mixed for attachments. See body_tree.hpp.
#include "mail/mime/body_tree.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "mail/html/html_references.hpp"
#include "mail/mime/flowed.hpp"

namespace postroad::mail {

namespace {

Entity text_entity(std::string_view type, std::shared_ptr<const std::string> bytes) {
  Entity entity;
  entity.kind = EntityKind::text;
  entity.type = type;
  entity.bytes = std::move(bytes);
  return entity;
}

Entity multipart(std::string_view type, std::vector<Entity> parts) {
  Entity entity;
  entity.kind = EntityKind::multipart;
  entity.type = type;
  entity.parts = std::move(parts);
  return entity;
}

// `reference` without `cid:` and a leading `./`.
std::string_view bare(std::string_view reference) noexcept {
  if (istarts_with(reference, "cid:")) reference.remove_prefix(4);
  if (reference.starts_with("./")) reference.remove_prefix(2);
  return reference;
}

Entity html_tree(const Draft& draft, const std::function<std::string()>& content_id) {
  if (draft.embedded.empty()) return text_entity("text/html", draft.html);
  std::vector<std::string> ids;
  ids.reserve(draft.embedded.size());
  for (std::size_t i = 0; i < draft.embedded.size(); ++i) ids.push_back(content_id());
  auto html = replace_references(*draft.html, [&](std::string_view reference) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (bare(reference) == bare(draft.embedded[i].reference)) return "cid:" + ids[i];
    }
    return std::string();
  });
  std::vector<Entity> parts{
      text_entity("text/html", std::make_shared<const std::string>(std::move(html)))};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto part = draft.embedded[i].entity;
    part.disposition = "inline";
    part.content_id = ids[i];
    parts.push_back(std::move(part));
  }
  auto related = multipart("multipart/related", std::move(parts));
  related.parameters = {{"type", "text/html"}};  // RFC 2387 §3.1
  return related;
}

Entity plain_tree(const Draft& draft) {
  if (!draft.flowed) return text_entity("text/plain", draft.text);
  auto entity = text_entity("text/plain", std::make_shared<const std::string>(flow(*draft.text)));
  entity.parameters = {{"format", "flowed"}};
  return entity;
}

Entity calendar_entity(const Calendar& calendar) {
  auto entity = text_entity("text/calendar", calendar.text);
  entity.parameters = {{"method", calendar.method}};
  return entity;
}

}  // namespace

Result<Entity> body_tree(const Draft& draft, const std::function<std::string()>& content_id) {
  if (!draft.embedded.empty() && !draft.html)
    return fail(Fault::input, "embed", "no HTML body refers to it; set html(), or use attach()");
  if (draft.content && (draft.text || draft.html || draft.calendar))
    return fail(Fault::input, "content",
                "content() replaces text(), html() and calendar(); put them into the given part");
  std::vector<Entity> choices;
  if (draft.content) choices.push_back(*draft.content);
  if (draft.text) choices.push_back(plain_tree(draft));
  if (draft.html) choices.push_back(html_tree(draft, content_id));
  if (draft.calendar) choices.push_back(calendar_entity(*draft.calendar));
  std::vector<Entity> parts;
  if (choices.size() > 1) {
    parts.push_back(multipart("multipart/alternative", std::move(choices)));
  } else if (!choices.empty()) {
    parts.push_back(std::move(choices.front()));
  }
  if (parts.empty() && draft.attachments.empty())
    return text_entity("text/plain", std::make_shared<const std::string>());
  if (draft.attachments.empty()) return std::move(parts.front());
  parts.insert(parts.end(), draft.attachments.begin(), draft.attachments.end());
  return multipart("multipart/mixed", std::move(parts));
}

}  // namespace postroad::mail
