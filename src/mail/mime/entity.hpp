// A part that is to be written, with all it holds; the tree of them is a message's body. A plain
// value. Not here: the checks (mime_part.cpp), how it is written (entity_writer.hpp).
#pragma once

#include <postroad/mime_part.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postroad::mail {

enum class EntityKind : std::uint8_t { text, octets, file, stream, multipart, message, raw };

struct Entity {
  EntityKind kind = EntityKind::text;
  std::string type;  ///< "text/plain", lower case; empty for raw
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of the type
  std::string disposition;                                      ///< "attachment", "inline" or empty
  std::string file_name;                                        ///< UTF-8
  std::string content_id;                                       ///< without angle brackets
  std::vector<std::pair<std::string, std::string>> fields;      ///< more of its own header
  std::shared_ptr<const std::string> octets;  ///< text has CRLF line ends; also message and raw
  std::string path;
  StreamOpener open;
  std::optional<std::uint64_t> size;  ///< of the stream
  std::vector<Entity> parts;          ///< of a multipart
  std::optional<Error> fault;         ///< the first wrong value
};

/// The first wrong value is the one that is told.
inline void remember(Entity& entity, Error error) {
  if (!entity.fault) entity.fault = std::move(error);
}
inline void refuse(Entity& entity, std::string where, std::string why) {
  remember(entity, fail(Fault::input, std::move(where), std::move(why)));
}
/// Whether `id` may stand in Content-ID: one `left@right` in ASCII without blanks and brackets.
bool is_content_id(std::string_view id) noexcept;
/// What is wrong with a text for one line of a header; nullopt: nothing.
std::optional<Error> check_line(std::string where, std::string_view text);
/// A file that can be opened now, as a part with its name and type. `fault` is set when it cannot.
Entity file_entity(const std::string& path, std::string_view type);
/// Octets under a type; `fault` is set for a type that cannot be attached.
Entity octets_entity(std::string_view type, std::string octets);

}  // namespace postroad::mail
