// The time that a greylisting host names in its reply: "450 4.2.0 Greylisted, come back in 300
// seconds". Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace postroad::queue {

/// The time to wait, between one second and one hour; nullopt: the reply is not a 4yz one or names
/// no such time. A number counts if its unit follows (seconds or minutes) and the text speaks of
/// trying again or of greylisting.
std::optional<std::chrono::milliseconds> retry_hint(std::string_view reply);

}  // namespace postroad::queue
