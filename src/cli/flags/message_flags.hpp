// The flags of a command line that say what a mail holds, and the mail that comes of them.
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
  bool flowed = false;

  void add_to(std::vector<config::Flag>& flags);
  /// Error: Fault::input with the flag that is wrong; Fault::io for a file that cannot be read.
  [[nodiscard]] Result<Message> compose() const;
};

}  // namespace postroad::cli
