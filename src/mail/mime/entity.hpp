// One part to be composed and its content; a tree of them is the body of a message. A plain value.
// Not here: the public type (postroad/mime_part.hpp), the checks (mime_part.cpp), writing it
// (entity_writer.hpp).
#pragma once

#include <postroad/mime_part.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postroad::mail {

/// Where the content of an Entity comes from.
enum class EntityKind : std::uint8_t { text, bytes, file, stream, multipart, message, raw };

/// A part. Which members are used depends on `kind`.
struct Entity {
  EntityKind kind = EntityKind::text;
  std::string type;  ///< "text/plain", in lower case; empty for raw
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of Content-Type
  std::string disposition;                                      ///< "attachment", "inline" or empty
  std::string file_name;                                        ///< UTF-8
  std::string content_id;                                       ///< without angle brackets
  std::vector<std::pair<std::string, std::string>> fields;      ///< extra fields of its header
  std::shared_ptr<const std::string> bytes;  ///< text, message and raw have CRLF line ends
  std::string path;
  StreamOpener open;
  std::optional<std::uint64_t> size;  ///< of the stream, in bytes
  std::vector<Entity> parts;          ///< of a multipart
  std::optional<Error> error;         ///< of the first invalid value
};

/// Stores an error; only the first one is kept.
inline void remember(Entity& entity, Error error) {
  if (!entity.error) entity.error = std::move(error);
}
/// Stores an error with Fault::input.
inline void refuse(Entity& entity, std::string where, std::string why) {
  remember(entity, fail(Fault::input, std::move(where), std::move(why)));
}
/// Whether `id` is valid in Content-ID: one `left@right` in ASCII without spaces and brackets.
bool is_content_id(std::string_view id) noexcept;
/// The error of `text` as a header value: line ends, NUL, invalid UTF-8; nullopt if it has none.
std::optional<Error> check_line(std::string where, std::string_view text);
/// A part of a file with its name and type. Sets `error` if the file cannot be opened now.
Entity file_entity(const std::string& path, std::string_view type);
/// A part of bytes. Sets `error` for a type that cannot be attached.
Entity bytes_entity(std::string_view type, std::string bytes);

}  // namespace postroad::mail
