// The state of a Message: checked values that are not composed yet. A plain value.
// Not here: the checks (message.cpp, message_body.cpp), composing (compose.hpp).
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

/// A part that the HTML shows, usually an image.
struct Embedded {
  std::string reference;  ///< as in the HTML, with or without `cid:`
  Entity entity;
};

/// List-Unsubscribe (RFC 2369) and List-Unsubscribe-Post (RFC 8058).
struct Unsubscribe {
  std::vector<std::string> urls;
  bool one_click = false;
};

/// An invitation (RFC 6047).
struct Calendar {
  std::string method;  ///< REQUEST, CANCEL, …
  std::shared_ptr<const std::string> text;
};

/// The values that the setters of Message have stored.
struct Draft {
  std::vector<Address> from;
  std::vector<Address> sender;  ///< at most one
  std::vector<Address> reply_to;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::vector<Address> bcc;
  std::string default_domain;
  std::optional<std::string> subject;
  std::optional<std::chrono::system_clock::time_point> date;
  std::optional<std::string> message_id;  ///< in angle brackets
  std::vector<std::string> in_reply_to;   ///< each in angle brackets
  std::vector<std::string> references;    ///< each in angle brackets
  std::optional<Priority> priority;
  Unsubscribe unsubscribe;
  std::shared_ptr<const std::string> text;  ///< CRLF line ends
  std::shared_ptr<const std::string> html;  ///< CRLF line ends
  bool flowed = false;
  std::optional<Calendar> calendar;
  std::vector<Embedded> embedded;
  std::vector<Entity> attachments;
  std::optional<Entity> content;                            ///< replaces text, html and calendar
  std::vector<std::pair<std::string, std::string>> fields;  ///< extra fields, in order
  std::optional<RawMessage> raw;
  std::vector<std::shared_ptr<const MessageSigner>> signers;
  std::optional<Error> error;  ///< of the first invalid value

  /// The mailbox of an address with the default domain, if it has none. If the local part is ASCII,
  /// the domain is converted to A-labels, so that no server needs SMTPUTF8.
  [[nodiscard]] Mailbox complete(const Address& address) const;
  /// Whether there is a body besides a raw message.
  [[nodiscard]] bool has_body() const noexcept {
    return text || html || calendar || content || !attachments.empty() || !embedded.empty();
  }
};

}  // namespace postroad::mail
