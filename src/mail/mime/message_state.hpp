// What a Message and a MimePart are behind their pointers, for the units that implement it.
#pragma once

#include <postroad/message.hpp>

#include <string>
#include <utility>

#include "mail/mime/draft.hpp"

namespace postroad::mail {

/// The first wrong value is the one that is told.
inline void remember(Draft& draft, Error error) {
  if (!draft.fault) draft.fault = std::move(error);
}

inline void refuse(Draft& draft, std::string where, std::string why) {
  remember(draft, fail(Fault::input, std::move(where), std::move(why)));
}

}  // namespace postroad::mail

namespace postroad {

struct Message::State : mail::Draft {};
struct MimePart::State : mail::Entity {};

}  // namespace postroad
