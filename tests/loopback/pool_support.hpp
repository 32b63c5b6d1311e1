// Shared by the tests of the pool.
#pragma once

#include <chrono>
#include <postroad/pool.hpp>
#include <string>

namespace postroad {

using namespace std::chrono_literals;

inline constexpr auto patience = 20s;

inline Message mail(const std::string& to, const std::string& subject = "hi") {
  return Message{}.from("a@x.example").to(to).subject(subject).text("hello");
}

inline PoolOptions quick() {
  PoolOptions options;
  options.initial_pause = 1ms;
  options.max_pause = 5ms;
  return options;
}

}  // namespace postroad
