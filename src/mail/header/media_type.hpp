// Media types (RFC 2046): the type of an attached file by its extension, and questions about a
// type. Not here: parsing Content-Type (parameters.hpp).
#pragma once

#include <string_view>

namespace postroad::mail {

/// The media type for the extension of `file_name`, from a short list of common types; else
/// application/octet-stream. Never multipart/ or message/, which may not be encoded (RFC 2045
/// §6.4). The view is valid for the whole run of the program.
std::string_view media_type_of(std::string_view file_name) noexcept;

/// Whether `type` is `type/subtype`, with or without parameters, and neither multipart/ nor
/// message/.
bool is_attachable_type(std::string_view type) noexcept;

/// Whether `type` (in lower case) contains a message: RFC 2046 §5.2.1, RFC 6532 §3.7.
bool is_message_type(std::string_view type) noexcept;

}  // namespace postroad::mail
