// Options and limits of the sessions of one listener; see server_machine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace postroad::smtp {

/// Each limit and the attack that it stops. Zero means zero, never "no limit".
struct ServerLimits {
  /// Bytes with CRLF; RFC 5321 section 4.5.3.1.4 needs 512, extensions more. Stops: endless lines.
  std::size_t command_line = 4096;
  /// Bytes of one SASL response (RFC 4954 section 4). Stops: endless responses.
  std::size_t auth_line = 12288;
  /// Parameters of one MAIL or RCPT. Stops: quadratic work.
  std::size_t parameters = 16;
  /// Recipients of one message; RFC 5321 section 4.5.3.1.8 needs 100. Stops: memory taken by RCPT.
  std::size_t recipients = 1000;
  /// RCPTs of one transaction that may be refused for now (452 beyond `recipients`, 450 by policy)
  /// before they count as errors. A client may send all its RCPTs before it reads a reply, and must
  /// be able to deliver to the accepted ones (RFC 5321 section 4.5.3.1.10).
  std::size_t recipient_overshoot = 1000;
  /// Transactions of one session; MAILMAX of LIMITS. Stops: endless sessions.
  std::size_t messages = 100000;
  /// Commands of one session. Stops: endless sessions.
  std::size_t commands = 100000;
  /// Refused commands before the session is closed. Stops: guessing and scanning.
  std::size_t errors = 20;
  /// Failed AUTH commands before the session is closed. Stops: guessing passwords.
  std::size_t auth_attempts = 5;
  /// Bytes of one message. Stops: filling the disk.
  std::uint64_t message_size = 36700160;  // 35 MiB
  /// Bytes of replies held back while a pipelined group is read. Stops: peers that do not read.
  std::size_t replies = 16384;

  /// From the end of one command to the end of the next (RFC 5321 section 4.5.3.2.7).
  std::chrono::milliseconds command{300'000};
  /// For each `data_block_size` bytes of message data. Stops: one byte per minute.
  std::chrono::milliseconds data_block{180'000};
  std::uint64_t data_block_size = 65536;
  /// From MAIL to the end of the message data. Stops: one recipient per minute.
  std::chrono::milliseconds transaction{3'600'000};
  /// To send the replies. Stops: peers that never read.
  std::chrono::milliseconds send{120'000};
  /// TLS handshake.
  std::chrono::milliseconds handshake{60'000};
};

enum class TlsMode : std::uint8_t {
  none,      ///< STARTTLS is not offered
  offered,   ///< STARTTLS is offered
  required,  ///< 530 to everything before STARTTLS
  implicit,  ///< the handshake came before the greeting (RFC 8314)
};

enum class BareLineEnds : std::uint8_t {
  refuse,  ///< a message with a CR or LF that is not part of a CRLF is refused after its end
  keep,    ///< it is stored unchanged; it never ends a line or the message
};

/// The extensions that EHLO offers.
struct ServerExtensions {
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool size = true;                   ///< announces the limit, which holds without it too
  bool enhanced_status_codes = true;  ///< without: no reply has one (RFC 2034)
  // The store and the relay must support these.
  bool chunking = false;                     ///< BDAT (RFC 3030)
  bool binary_mime = false;                  ///< BODY=BINARYMIME, with chunking (RFC 3030)
  bool dsn = false;                          ///< RFC 3461
  bool limits_keyword = false;               ///< announces RCPTMAX and MAILMAX (RFC 9422)
  bool require_tls = false;                  ///< REQUIRETLS, offered under TLS only (RFC 8689)
  bool deliver_by = false;                   ///< RFC 2852
  std::chrono::seconds least_deliver_by{0};  ///< shortest BY time with R; 0: not announced
  bool future_release = false;               ///< RFC 4865
  std::chrono::seconds longest_hold{std::chrono::days(30)};  ///< longest hold
  bool mt_priority = false;                                  ///< RFC 6710
  bool prdr = false;     ///< a reply per recipient where they differ (draft-hall-prdr)
  bool xclient = false;  ///< for trusted peers, see ServerMachine::trust_peer
};

struct ServerOptions {
  std::string hostname = "localhost";  ///< in greeting, replies and Received
  std::string banner = "Postroad";     ///< after `220 <hostname> ESMTP`
  TlsMode tls = TlsMode::none;
  bool auth = false;  ///< AUTH is offered
  /// SASL mechanisms that are offered, in the order in which EHLO lists them.
  std::vector<std::string> mechanisms{"PLAIN", "LOGIN"};
  std::string nonce;           ///< for SCRAM and CRAM-MD5, set by tests; empty: random
  bool auth_required = false;  ///< 530 to MAIL before AUTH: a submission listener (RFC 6409 §4.3)
  bool allow_auth_in_clear = false;  ///< insecure: AUTH also without TLS
  bool allow_bare_addresses =
      false;  ///< `MAIL FROM: a@b` without angle brackets, as people type it
  BareLineEnds bare_line_ends = BareLineEnds::refuse;
  /// A bare LF ends a command, for people who type into a test server. Where it is false, a bare LF
  /// is refused and the session ends: what follows it must not run as a command.
  bool accept_bare_lf = false;
  bool vrfy = false;  ///< answers VRFY: tells clients which users exist
  bool expn = false;  ///< answers EXPN: tells clients who is on a list
  bool lmtp = false;  ///< LHLO, and a reply per recipient after the message (RFC 2033)
  ServerExtensions extensions;
  ServerLimits limits;
};

}  // namespace postroad::smtp
