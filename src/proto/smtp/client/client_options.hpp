// How a client's conversation goes: plain data. Read on in client_machine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <postroad/client_policy.hpp>
#include <postroad/stage.hpp>
#include <string>
#include <utility>
#include <vector>

#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

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
  Tls tls = Tls::opportunistic;    ///< never automatic: the caller has decided
  std::optional<sasl::Credentials> login;
  std::string host;  ///< the server's name, for OAUTHBEARER
  std::uint16_t port = 0;
  std::string nonce;      ///< of SCRAM, fixed by tests; empty: random
  std::string mechanism;  ///< only this SASL mechanism; empty: the strongest both know
  bool allow_password_in_clear = false;
  RecipientPolicy recipient_policy = RecipientPolicy::best_effort;
  bool pipelining = true;
  Chunking chunking = Chunking::when_needed;
  /// What MailOptions and RecipientOptions ask and the server lacks is left out, as RFC 3461, 4865
  /// and 6710 let a relay do; REQUIRETLS and BY=…;R never.
  bool drops_options = false;
  bool prdr = true;   ///< asked for where it is offered and there are several recipients
  bool lmtp = false;  ///< LHLO, and a reply a recipient behind the text (RFC 2033)
  /// EHLO keywords, in capitals, that are taken for absent: a peer's extension that does not work.
  std::vector<std::string> ignored;
  /// What a trusted proxy says of the client it speaks for: names and values, sent by XCLIENT
  /// before AUTH. A server that does not offer it ends the conversation.
  std::vector<std::pair<std::string, std::string>> xclient;
  /// Octets that come before everything else, TLS too: a PROXY header (proto/proxy/header.hpp).
  std::string preamble;
  /// Ends the conversation once this step was answered (`message_data`: all but the final dot was
  /// sent): with QUIT, or by a cut. The operation then ends with Fault::cancelled.
  std::optional<Stage> stop_after;
  bool cuts = false;
  ClientTimeouts timeouts;
  ReplyLimits replies;
  std::size_t window =
      100;  ///< commands under way at once: replies that we do not read yet must fit the socket
  std::size_t chunks = 8;      ///< BDATs under way at once, likewise
  std::size_t challenges = 8;  ///< 334s of one AUTH: an endless exchange
};

}  // namespace postroad::smtp
