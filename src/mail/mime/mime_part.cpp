// The factories and setters of MimePart, and the checks that Message shares; see
// postroad/mime_part.hpp. Not here: writing a part (entity_writer.cpp).
#include <postroad/mime_part.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "mail/header/fields.hpp"
#include "mail/header/media_type.hpp"
#include "mail/header/parameters.hpp"
#include "mail/mime/message_state.hpp"
#include "mail/mime/recode.hpp"
#include "mail/mime/transfer.hpp"

namespace postroad::mail {

namespace {

constexpr std::size_t max_file_name = 1024;

bool is_subtype(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
  });
}

// Sets type and parameters from `type`.
void set_type(Entity& entity, std::string_view type) {
  if (auto error = check_line("attachment type", type)) return remember(entity, std::move(*error));
  if (!is_attachable_type(type)) {
    return refuse(entity, "attachment type",
                  "cannot attach the type \"" + printable(type, 80) +
                      "\"; expected a form such as text/csv; attach a message as message() or as "
                      "application/octet-stream");
  }
  auto parsed = parse_parameterized(type);
  for (const auto& [name, value] : parsed.parameters) {
    if (!is_subtype(name) || name == "boundary")
      return refuse(entity, "attachment type",
                    "cannot set the parameter \"" + printable(name, 80) + '"');
  }
  entity.type = std::move(parsed.value);
  entity.parameters = std::move(parsed.parameters);
}

}  // namespace

std::optional<Error> check_line(std::string where, std::string_view text) {
  if (std::any_of(text.begin(), text.end(), is_line_breaker))
    return fail(Fault::input, std::move(where),
                "contains CR, LF or NUL; a header value is a single line");
  if (!is_utf8(text)) return fail(Fault::input, std::move(where), "not UTF-8; convert it first");
  return std::nullopt;
}

bool is_content_id(std::string_view id) noexcept {
  constexpr std::size_t most = 200;
  const auto at = id.find('@');
  if (id.size() > most || at == 0 || at == std::string_view::npos || at + 1 == id.size())
    return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("<>\"()\\").find(c) == std::string_view::npos;
  });
}

Entity bytes_entity(std::string_view type, std::string bytes) {
  Entity entity;
  entity.kind = EntityKind::bytes;
  set_type(entity, type);
  entity.bytes = std::make_shared<const std::string>(std::move(bytes));
  return entity;
}

Entity file_entity(const std::string& path, std::string_view type) {
  Entity entity;
  entity.kind = EntityKind::file;
  entity.path = path;
  std::error_code error;
  if (path.find('\0') != std::string::npos || !std::filesystem::is_regular_file(path, error)) {
    remember(entity, fail(Fault::io, path,
                          error ? "the file cannot be attached: " + error.message()
                                : "not a regular file; attach its bytes instead"));
    return entity;
  }
  if (!std::ifstream(path, std::ios::binary).is_open()) {
    remember(entity, fail(Fault::io, path, "the file cannot be opened for reading"));
    return entity;
  }
  entity.file_name = std::filesystem::path(path).filename().string();
  if (auto invalid = check_line("file name of " + path, entity.file_name))
    remember(entity, std::move(*invalid));
  set_type(entity, type.empty() ? media_type_of(entity.file_name) : type);
  return entity;
}

}  // namespace postroad::mail

namespace postroad {

using mail::EntityKind;

MimePart::MimePart(std::unique_ptr<State> state) : state_(std::move(state)) {}
MimePart::MimePart(const MimePart& other) : state_(std::make_unique<State>(*other.state_)) {}
MimePart::MimePart(MimePart&&) noexcept = default;
MimePart& MimePart::operator=(const MimePart& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}
MimePart& MimePart::operator=(MimePart&&) noexcept = default;
MimePart::~MimePart() = default;

MimePart MimePart::text(std::string_view subtype, std::string text) {
  auto entity = std::make_unique<State>();
  entity->kind = EntityKind::text;
  if (!mail::is_subtype(subtype))
    mail::refuse(*entity, "text subtype",
                 "expected a form such as plain; got \"" + printable(subtype, 80) + '"');
  if (!is_utf8(text)) mail::refuse(*entity, "text", "not UTF-8; convert it, or use bytes()");
  entity->type = "text/" + lower(subtype);
  entity->bytes = std::make_shared<const std::string>(mail::with_crlf(std::move(text)));
  return MimePart(std::move(entity));
}

MimePart MimePart::bytes(std::string_view type, std::string bytes) {
  return MimePart(std::make_unique<State>(State{mail::bytes_entity(type, std::move(bytes))}));
}

MimePart MimePart::file(const std::string& path, std::string_view type) {
  return MimePart(std::make_unique<State>(State{mail::file_entity(path, type)}));
}

MimePart MimePart::stream(std::string_view type, StreamOpener open,
                          std::optional<std::uint64_t> size) {
  auto entity = std::make_unique<State>();
  entity->kind = EntityKind::stream;
  mail::set_type(*entity, type);
  if (!open) mail::refuse(*entity, "stream", "the opener is null");
  entity->open = std::move(open);
  entity->size = size;
  return MimePart(std::move(entity));
}

MimePart MimePart::multipart(std::string_view subtype, std::vector<MimePart> parts) {
  auto entity = std::make_unique<State>();
  entity->kind = EntityKind::multipart;
  if (!mail::is_subtype(subtype))
    mail::refuse(*entity, "multipart subtype",
                 "expected a form such as mixed; got \"" + printable(subtype, 80) + '"');
  if (parts.empty())
    mail::refuse(*entity, "multipart", "no part; at least one is required (RFC 2046 §5.1)");
  entity->type = "multipart/" + lower(subtype);
  for (auto& part : parts) {
    if (part.state_->error) mail::remember(*entity, *part.state_->error);
    entity->parts.push_back(std::move(*part.state_));
  }
  return MimePart(std::move(entity));
}

MimePart MimePart::message(std::string bytes) {
  auto entity = std::make_unique<State>();
  entity->kind = EntityKind::message;
  entity->type = "message/rfc822";
  if (mail::find_bare_line_end(bytes) != std::string::npos)
    bytes = mail::with_crlf(mail::encode_binary_parts(bytes));
  entity->bytes = std::make_shared<const std::string>(std::move(bytes));
  return MimePart(std::move(entity));
}

MimePart MimePart::raw(std::string bytes) {
  auto entity = std::make_unique<State>();
  entity->kind = EntityKind::raw;
  const auto block = mail::split_fields(bytes);
  const auto stray = mail::find_bare_line_end(bytes);
  if (!block.complete) mail::refuse(*entity, "raw part", "no empty line after the header; add one");
  if (stray != std::string::npos)
    mail::refuse(
        *entity, "raw part",
        "bare CR or LF at byte " + std::to_string(stray) + "; a raw part must have CRLF line ends");
  entity->bytes = std::make_shared<const std::string>(std::move(bytes));
  return MimePart(std::move(entity));
}

MimePart& MimePart::parameter(std::string_view name, std::string_view value) & {
  const auto where = "parameter " + printable(name, 80);
  if (!mail::is_subtype(name) || iequals(name, "boundary") || iequals(name, "charset")) {
    mail::refuse(*state_, where, "this parameter cannot be set");
  } else if (auto error = mail::check_line(where, value)) {
    mail::remember(*state_, std::move(*error));
  } else {
    state_->parameters.emplace_back(lower(name), value);
  }
  return *this;
}

MimePart& MimePart::header(std::string_view name, std::string_view value) & {
  const auto where = printable(name, 80);
  if (!mail::is_field_name(name) || name.size() > 76 || iequals(name, "Content-Type") ||
      iequals(name, "Content-Transfer-Encoding") || iequals(name, "Content-Disposition") ||
      iequals(name, "Content-ID")) {
    mail::refuse(*state_, "part header " + where,
                 "invalid name, or a field that is composed: type, encoding, disposition and id "
                 "have their own setters");
  } else if (auto error = mail::check_line(where, value)) {
    mail::remember(*state_, std::move(*error));
  } else {
    state_->fields.emplace_back(name, trim(value));
  }
  return *this;
}

MimePart& MimePart::attachment(std::string_view file_name) & {
  if (auto error = mail::check_line("attachment name", file_name)) {
    mail::remember(*state_, std::move(*error));
  } else if (file_name.size() > mail::max_file_name) {
    mail::refuse(*state_, "attachment name", "longer than 1024 bytes");
  } else {
    state_->disposition = "attachment";
    state_->file_name = file_name;
  }
  return *this;
}

MimePart& MimePart::content_id(std::string_view id) & {
  if (mail::is_content_id(id)) {
    state_->disposition = "inline";
    state_->content_id = id;
  } else {
    mail::refuse(*state_, "Content-ID",
                 "expected left@right in ASCII; got \"" + printable(id, 80) + '"');
  }
  return *this;
}

std::optional<Error> MimePart::error() const { return state_->error; }

}  // namespace postroad
