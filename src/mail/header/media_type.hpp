// Media types: that of a file by its name's extension, for attachments (a short list of what people
// send; the rest is application/octet-stream, which every reader can save), and what a type says.
#pragma once

#include <string_view>

namespace postroad::mail {

/// Valid for ever. Never multipart/ or message/, which may not be encoded (RFC 2046 §5.2.1).
std::string_view media_type_of(std::string_view file_name) noexcept;

/// Whether `type` is `type/subtype`, with parameters or without, and can be encoded: see
/// media_type_of.
bool is_attachable_type(std::string_view type) noexcept;

/// Whether a part of this type (lower case) holds a mail: RFC 2046 §5.2.1, RFC 6532 §3.7.
bool is_message_type(std::string_view type) noexcept;

}  // namespace postroad::mail
