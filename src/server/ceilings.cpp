// See ceilings.hpp.
#include "server/ceilings.hpp"

#include <malloc.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>

namespace postroad::server {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds look_at_memory{1};

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void Ceilings::set(std::size_t max_sessions, std::uint64_t max_memory) {
  max_sessions_.store(max_sessions);
  max_memory_.store(max_memory);
}

std::string_view Ceilings::count_session() {
  const auto most = max_sessions_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (most != 0 && alive_ >= most) return "sessions";
  // If no session is open, the memory is not theirs: one session at a time is served.
  if (is_too_large() && alive_ > 0) return "memory";
  ++alive_;
  return {};
}

void Ceilings::session_ended() {
  const std::lock_guard lock(mutex_);
  --alive_;
  ended_.notify_all();
}

std::size_t Ceilings::sessions() const {
  const std::lock_guard lock(mutex_);
  return alive_;
}

bool Ceilings::wait_until_empty(std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, patience, [this] { return alive_ == 0; });
}

void Ceilings::wait_until_empty() const {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return alive_ == 0; });
}

asio::awaitable<void> Ceilings::watch_memory() {
  constexpr int looks_between_trims = 5;
  int looks_until_trim = 0;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    timer.expires_after(look_at_memory);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    const auto most = max_memory_.load(std::memory_order_relaxed);
    auto is_over = most != 0 && resident_bytes() > most;
    // The C library may still hold memory that sessions have freed.
    if (is_over && --looks_until_trim <= 0) {
      ::malloc_trim(0);
      looks_until_trim = looks_between_trims;
      is_over = resident_bytes() > most;
    }
    if (!is_over) looks_until_trim = 0;
    too_large_.store(is_over, std::memory_order_relaxed);
  }
}

}  // namespace postroad::server
