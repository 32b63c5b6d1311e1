// The setters of Message for bodies, attachments, list fields and signers; see
// postroad/message.hpp. Not here: address fields and envelope (message.cpp), composing
// (compose.cpp).
#include <postroad/message.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "mail/header/media_type.hpp"
#include "mail/html/html_references.hpp"
#include "mail/mime/entity.hpp"
#include "mail/mime/message_state.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad {

namespace {

using mail::Draft;
using mail::Entity;
using mail::refuse;
using mail::remember;

constexpr std::size_t max_url = 900;  // a URL must fit on one line

void set_body(Draft& draft, std::shared_ptr<const std::string>& into, std::string where,
              std::string body) {
  if (!is_utf8(body)) {
    return refuse(draft, std::move(where), "not UTF-8; convert it, or attach it as a file");
  }
  into = std::make_shared<const std::string>(mail::with_crlf(std::move(body)));
}

// Adds `entity` to the attachments or stores its error.
void add_attachment(Draft& draft, Entity entity) {
  if (entity.error) return remember(draft, *entity.error);
  if (entity.disposition.empty()) entity.disposition = "attachment";
  draft.attachments.push_back(std::move(entity));
}

std::string_view type_for(std::string_view name, std::string_view type) noexcept {
  return type.empty() ? mail::media_type_of(name) : type;
}

bool is_url(std::string_view url) noexcept {
  const bool known =
      istarts_with(url, "https://") || istarts_with(url, "mailto:") || istarts_with(url, "http://");
  return known && url.size() <= max_url && std::all_of(url.begin(), url.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != '<' && c != '>' && c != ',';
         });
}

// Embeds the files below `folder` that `html` refers to.
void embed_shown(Draft& draft, std::string_view html, const std::filesystem::path& folder) {
  for (const auto found : mail::find_references(html)) {
    const std::string reference(found);
    const auto known =
        std::any_of(draft.embedded.begin(), draft.embedded.end(),
                    [&](const mail::Embedded& one) { return one.reference == reference; });
    if (known || !mail::is_local_reference(reference)) continue;
    const auto below = std::filesystem::path(reference).lexically_normal();
    if (below.begin() != below.end() && *below.begin() == "..") {
      return remember(
          draft, fail(Fault::data, reference,
                      "the HTML refers to a file outside its folder; call embed() for it if it may "
                      "be sent"));
    }
    auto entity = mail::file_entity((folder / below).string(), {});
    if (entity.error) return remember(draft, *entity.error);
    draft.embedded.push_back({reference, std::move(entity)});
  }
}

}  // namespace

Message& Message::text(std::string body) & {
  set_body(edit(), edit().text, "text", std::move(body));
  return *this;
}

Message& Message::html(std::string body) & {
  set_body(edit(), edit().html, "html", std::move(body));
  return *this;
}

Message& Message::html(std::string body, const std::string& folder) & {
  auto& state = html(std::move(body)).edit();
  if (state.html) embed_shown(state, *state.html, folder);
  return *this;
}

Message& Message::html_file(const std::string& path) & {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (path.find('\0') != std::string::npos || !file || !(text << file.rdbuf())) {
    remember(edit(), fail(Fault::io, path, "the HTML file cannot be read or is empty"));
    return *this;
  }
  return html(std::move(text).str(), std::filesystem::path(path).parent_path().string());
}

Message& Message::flowed(bool on) & {
  edit().flowed = on;
  return *this;
}

Message& Message::embed(const std::string& path) & {
  auto& state = edit();
  auto entity = mail::file_entity(path, {});
  if (entity.error) {
    remember(state, *entity.error);
  } else {
    auto name = entity.file_name;
    state.embedded.push_back({std::move(name), std::move(entity)});
  }
  return *this;
}

Message& Message::embed(std::string_view name, std::string_view type, std::string bytes) & {
  auto& state = edit();
  auto part = MimePart::bytes(type_for(name, type), std::move(bytes)).attachment(name);
  if (part.state_->error) {
    remember(state, *part.state_->error);
  } else {
    state.embedded.push_back({std::string(name), std::move(*part.state_)});
  }
  return *this;
}

Message& Message::calendar(std::string_view method, std::string icalendar) & {
  auto& state = edit();
  const bool word =
      !method.empty() && method.size() <= 40 &&
      std::all_of(method.begin(), method.end(), [](char c) { return is_alpha(c) || c == '-'; });
  if (!word) {
    refuse(state, "calendar method",
           "expected letters, as in REQUEST; got \"" + printable(method, 80) + '"');
    return *this;
  }
  std::shared_ptr<const std::string> text;
  set_body(state, text, "calendar", std::move(icalendar));
  if (text) state.calendar = mail::Calendar{upper(method), std::move(text)};
  return *this;
}

Message& Message::attach(const std::string& path) & {
  add_attachment(edit(), mail::file_entity(path, {}));
  return *this;
}

Message& Message::attach(std::string_view name, std::string_view type, std::string bytes) & {
  auto part = MimePart::bytes(type_for(name, type), std::move(bytes)).attachment(name);
  add_attachment(edit(), std::move(*part.state_));
  return *this;
}

Message& Message::attach(std::string_view name, std::string_view type, StreamOpener open,
                         std::optional<std::uint64_t> size) & {
  auto part = MimePart::stream(type_for(name, type), std::move(open), size).attachment(name);
  add_attachment(edit(), std::move(*part.state_));
  return *this;
}

Message& Message::attach(const MimePart& part) & {
  auto& state = edit();
  if (part.state_->error) {
    remember(state, *part.state_->error);
  } else {
    state.attachments.push_back(*part.state_);
  }
  return *this;
}

Message& Message::content(const MimePart& part) & {
  auto& state = edit();
  if (part.state_->error) {
    remember(state, *part.state_->error);
  } else {
    state.content = *part.state_;
  }
  return *this;
}

Message& Message::priority(Priority level) & {
  edit().priority = level;
  return *this;
}

Message& Message::list_unsubscribe(std::string_view urls, bool one_click) & {
  auto& state = edit();
  state.unsubscribe.urls.clear();
  bool https = false;
  for (const auto part : split(urls, ',')) {
    const auto url = trim(part);
    if (!is_url(url)) {
      refuse(state, "List-Unsubscribe",
             "expected an ASCII URL that begins with https:, http: or mailto:, at most 900 bytes; "
             "got \"" +
                 printable(url, 80) + '"');
      return *this;
    }
    https = https || istarts_with(url, "https://");
    state.unsubscribe.urls.emplace_back(url);
  }
  state.unsubscribe.one_click = one_click && https;
  return *this;
}

Message& Message::sign(std::shared_ptr<const MessageSigner> signer) & {
  auto& state = edit();
  if (signer) {
    state.signers.push_back(std::move(signer));
  } else {
    refuse(state, "sign", "the signer is null");
  }
  return *this;
}

Message& Message::raw(std::string bytes) & {
  auto& state = edit();
  auto prepared = mail::prepare_raw(std::move(bytes));
  if (prepared) {
    state.raw = std::move(*prepared);
  } else {
    remember(state, prepared.error());
  }
  return *this;
}

}  // namespace postroad
