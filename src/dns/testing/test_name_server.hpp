// A small name server for tests: UDP on a loopback port that the kernel chooses, answers from a
// Script. It replaces the recursive server of a site; a real one is in tests/interop.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <string>

#include "dns/testing/script.hpp"

namespace postroad::dns {

/// Runs on `context`, which must outlive it. Thread rule: the thread of `context`.
class TestNameServer final {
 public:
  explicit TestNameServer(boost::asio::io_context& context);

  [[nodiscard]] Script& script() noexcept { return script_; }
  /// "127.0.0.1@5353", as UnboundOptions::name_servers takes it.
  [[nodiscard]] std::string address() const;
  /// From now on no query is answered.
  void fall_silent() noexcept { is_silent_ = true; }
  [[nodiscard]] std::size_t queries() const noexcept { return queries_; }

 private:
  void receive();
  [[nodiscard]] std::string reply_to(std::string_view query) const;

  Script script_;
  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint peer_;
  std::array<char, 2048> buffer_{};
  bool is_silent_ = false;
  std::size_t queries_ = 0;
};

}  // namespace postroad::dns
