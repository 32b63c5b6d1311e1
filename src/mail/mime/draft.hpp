// What a Message holds: checked values, before they are composed. A plain value.
// Not here: the checks (message.cpp, message_body.cpp), the composing (compose.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <postroad/address.hpp>
#include <postroad/message.hpp>
#include <postroad/signer.hpp>

#include "mail/mime/entity.hpp"
#include "mail/mime/raw_message.hpp"

namespace postroad::mail {

/// A picture or the like that the HTML shows.
struct Embedded {
  std::string reference;  ///< as the HTML writes it, with `cid:` before it or without
  Entity entity;
};

struct Calendar {
  std::string method;  ///< REQUEST, CANCEL, …
  std::shared_ptr<const std::string> text;
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
  std::vector<std::string> in_reply_to;   ///< likewise
  std::vector<std::string> references;    ///< likewise
  std::optional<Priority> priority;
  std::vector<std::string> unsubscribe;  ///< URLs
  bool one_click = false;
  std::shared_ptr<const std::string> text;  ///< CRLF line ends
  std::shared_ptr<const std::string> html;  ///< CRLF line ends
  bool flowed = false;
  std::optional<Calendar> calendar;
  std::vector<Embedded> embedded;
  std::vector<Entity> attachments;
  std::optional<Entity> content;                            ///< in place of the texts
  std::vector<std::pair<std::string, std::string>> fields;  ///< extra ones, in order
  std::optional<RawMessage> raw;
  std::vector<std::shared_ptr<const MessageSigner>> signers;
  std::optional<Error> fault;  ///< the first wrong value

  /// The mailbox of an address, its domain completed, and in the form of the DNS where the local
  /// part is ASCII: then no server needs SMTPUTF8.
  [[nodiscard]] Mailbox complete(const Address& address) const;
  /// Whether it has a body beside a raw message.
  [[nodiscard]] bool has_body() const noexcept {
    return text || html || calendar || content || !attachments.empty() || !embedded.empty();
  }
};

}  // namespace postroad::mail
