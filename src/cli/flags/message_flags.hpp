// The flags that compose a message, and the message that they give.
#pragma once

#include <postroad/message.hpp>

#include <optional>
#include <string>
#include <vector>

#include "config/command.hpp"

namespace postroad::cli {

struct MessageFlags {
  std::string from, subject;
  std::vector<std::string> to, cc, bcc, headers, attachments, embedded, values;
  std::optional<std::string> text, html, html_file, data, in_reply_to, references, importance,
      unsubscribe, calendar, dkim_key, dkim_selector, dkim_domain;
  std::vector<std::string> from_typed, to_typed;  // as config::Flag::typed
  bool flowed = false, allow_empty = false, allow_binary = false;

  void add_to(std::vector<config::Flag>& flags);
  /// Error: Fault::input with the flag that is wrong; Fault::data where what a flag reads is wrong;
  /// Fault::io or Fault::not_found for a file that cannot be read.
  [[nodiscard]] Result<Message> compose() const;
  /// `--from <>`: the envelope has the null sender, so no bounce is sent (RFC 5321 section 4.5.5).
  [[nodiscard]] bool has_null_sender() const;
};

/// Whether the bytes are a file that is not a message: they have no header, and control characters
/// that no text has.
bool is_binary_file(std::string_view bytes);

}  // namespace postroad::cli
