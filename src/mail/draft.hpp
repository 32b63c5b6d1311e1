// What a Message holds: checked values, before they are composed. A plain value.
// Not here: the checks (message.cpp), the composing (compose.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mail/address_list.hpp"
#include "mail/raw_message.hpp"

namespace postroad::mail {

struct Attachment {
  std::string name;                           ///< UTF-8, without CR, LF and NUL
  std::string type;                           ///< checked by is_attachable_type
  std::shared_ptr<const std::string> octets;  ///< null for a file, which is read when it is sent
  std::string path;
};

struct Draft {
  std::vector<Address> from;
  std::vector<Address> sender;  ///< one at most
  std::vector<Address> reply_to;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::vector<Address> bcc;
  std::string default_domain;
  std::optional<std::string> subject;
  std::optional<std::chrono::system_clock::time_point> date;
  std::optional<std::string> message_id;  ///< with its angle brackets
  std::optional<std::string> text;        ///< CRLF line ends
  std::optional<std::string> html;        ///< CRLF line ends
  std::vector<Attachment> attachments;
  std::vector<std::pair<std::string, std::string>> fields;  ///< extra ones, in order
  std::optional<RawMessage> raw;
  std::optional<Error> fault;  ///< the first wrong value

  /// The mailbox of an address, its domain completed.
  [[nodiscard]] Mailbox complete(const Address& address) const;
};

}  // namespace postroad::mail
