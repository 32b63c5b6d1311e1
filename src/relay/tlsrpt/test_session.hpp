// A session to count, for tests. Its parts may be changed before each call.
#pragma once

#include <string>

#include "relay/tls/tls_session.hpp"

namespace postroad::relay::tlsrpt {

struct TestSession {
  std::string domain = "a.example";
  std::string host = "mx.a.example";
  tls::HostPolicy policy{};
  tls::StsState sts{};
  tls::TlsFailure failure = tls::TlsFailure::none;
  std::string reason{};
  std::optional<boost::asio::ip::address> from = boost::asio::ip::make_address("192.0.2.1");

  void use_sts(const std::string& text) {
    auto parsed = tls::parse_sts_policy(text);
    sts.kept = tls::KeptPolicy{"1", 1, text, parsed.value()};
  }
  [[nodiscard]] tls::TlsSession session() const {
    tls::TlsSession made{domain, host, policy, sts};
    made.failure = failure;
    made.reason = reason;
    made.from = from;
    made.to = boost::asio::ip::make_address("192.0.2.2");
    return made;
  }
};

}  // namespace postroad::relay::tlsrpt
