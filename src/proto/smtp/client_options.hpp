// How a client's conversation goes: plain data. Read on in client_machine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

enum class TlsPolicy : std::uint8_t {
  never,          ///< plain text, whatever the server offers
  opportunistic,  ///< STARTTLS where offered
  required,       ///< STARTTLS, or the conversation ends before anything is said
  implicit,       ///< the handshake comes before the greeting (RFC 8314)
};

enum class RecipientPolicy : std::uint8_t {
  best_effort,  ///< a refused recipient does not keep the others from theirs
  all_or_none,  ///< one refused recipient, and nobody gets it
};

/// RFC 5321 §4.5.3.2.
struct ClientTimeouts {
  std::chrono::milliseconds greeting{300'000};
  std::chrono::milliseconds command{300'000};
  std::chrono::milliseconds data{120'000};
  std::chrono::milliseconds data_block{180'000};
  std::chrono::milliseconds end_of_data{600'000};
  std::chrono::milliseconds handshake{60'000};
};

struct ClientOptions {
  std::string server;              ///< how errors name the peer: "mail.example:587"
  std::string name = "localhost";  ///< what EHLO says: a domain or an address literal
  bool plain_helo = false;         ///< HELO instead of EHLO: no extension then
  TlsPolicy tls = TlsPolicy::opportunistic;
  std::optional<sasl::Credentials> login;
  std::string mechanism;  ///< only this SASL mechanism; empty: the strongest both know
  bool allow_password_in_clear = false;
  RecipientPolicy recipients = RecipientPolicy::best_effort;
  bool pipelining = true;
  ClientTimeouts timeouts;
  ReplyLimits replies;
  std::size_t window =
      100;  ///< commands under way at once: replies that we do not read yet must fit the socket
  std::size_t challenges = 8;  ///< 334s of one AUTH: an endless exchange
};

}  // namespace postroad::smtp
