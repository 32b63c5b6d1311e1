// The private state of Message and MimePart, for the files that implement them: message.cpp,
// message_body.cpp and mime_part.cpp.
#pragma once

#include <postroad/message.hpp>

#include <string>
#include <utility>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// Stores an error; only the first one is kept.
inline void remember(Draft& draft, Error error) {
  if (!draft.error) draft.error = std::move(error);
}

/// Stores an error with Fault::input.
inline void refuse(Draft& draft, std::string where, std::string why) {
  remember(draft, fail(Fault::input, std::move(where), std::move(why)));
}

}  // namespace postroad::mail

namespace postroad {

struct Message::State : mail::Draft {};
struct MimePart::State : mail::Entity {};

}  // namespace postroad
