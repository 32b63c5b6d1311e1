// What one listener's sessions may do and how far: plain data, no behaviour. Read on in
// server_machine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace postroad::smtp {

/// Each bound and the attack that it stops. Zero means zero, never "no limit".
struct ServerLimits {
  std::size_t command_line = 4096;  ///< octets with CRLF (RFC 5321 §4.5.3.1.4 wants 512 and the
                                    ///< extensions' more): an endless line
  std::size_t auth_line =
      12288;                    ///< octets of one SASL response (RFC 4954 §4): an endless response
  std::size_t parameters = 16;  ///< on one MAIL or RCPT: quadratic work by a long list
  std::size_t recipients =
      1000;  ///< of one message (RFC 5321 §4.5.3.1.8: at least 100): memory by RCPT
  /// RCPTs of one transaction that may be refused for now (452 beyond `recipients`, 450 by policy)
  /// before they count as errors. A client may send all its RCPTs before it reads a reply, and must
  /// be able to deliver to the accepted ones (RFC 5321 section 4.5.3.1.10).
  std::size_t recipient_overshoot = 1000;
  std::size_t mails =
      100000;  ///< transactions of one session, LIMITS' MAILMAX: one that never ends
  std::size_t commands = 100000;  ///< of one session: a session that never ends
  std::size_t errors =
      20;  ///< refused commands before the session is closed: guessing and scanning
  std::size_t auth_attempts = 5;  ///< failed AUTH before the session is closed: guessing passwords
  std::uint64_t message_size = 36700160;  ///< octets of a message, 35 MiB: a full disk
  std::size_t replies = 16384;  ///< octets of replies held back while a pipelined group is read: a
                                ///< peer that does not read

  std::chrono::milliseconds command{
      300'000};  ///< from one command's end to the next one's (RFC 5321 §4.5.3.2.7)
  std::chrono::milliseconds data_block{
      180'000};  ///< for each `data_block_size` octets of a message: one octet a minute
  std::uint64_t data_block_size = 65536;
  std::chrono::milliseconds transaction{
      3'600'000};  ///< from MAIL to the end of the text, whatever the pace: a recipient a minute
  std::chrono::milliseconds send{120'000};      ///< to take the replies: a peer that never reads
  std::chrono::milliseconds handshake{60'000};  ///< of TLS
};

enum class TlsMode : std::uint8_t {
  none,      ///< STARTTLS is not offered
  offered,   ///< STARTTLS is offered
  required,  ///< 530 to everything before STARTTLS
  implicit,  ///< the handshake came before the greeting (RFC 8314)
};

enum class BareLineEnds : std::uint8_t {
  refuse,  ///< a message with a CR or LF that is not part of a CRLF is refused after its end
  keep,    ///< it is stored as it came; it never ends a line nor the message
};

struct ServerOptions {
  std::string hostname = "localhost";  ///< in greeting, replies and Received
  std::string banner = "Postroad";     ///< behind `220 <hostname> ESMTP`
  TlsMode tls = TlsMode::none;
  bool auth = false;  ///< AUTH is offered
  /// SASL mechanisms that are offered, in the order in which EHLO lists them.
  std::vector<std::string> mechanisms{"PLAIN", "LOGIN"};
  std::string nonce;           ///< of SCRAM and CRAM-MD5, fixed by tests; empty: random
  bool auth_required = false;  ///< 530 to MAIL before AUTH: a submission listener (RFC 6409 §4.3)
  bool allow_auth_in_clear = false;  ///< AUTH also without TLS: passwords can be read on the way
  bool allow_bare_addresses =
      false;  ///< `MAIL FROM: a@b` without angle brackets, as people type it
  BareLineEnds bare_line_ends = BareLineEnds::refuse;
  /// A bare LF ends a command, for people who type into a test server. Where it is false, a bare LF
  /// is refused and the session ends: what follows it must not run as a command.
  bool accept_bare_lf = false;
  bool vrfy = false;  ///< answers VRFY truthfully: tells strangers who exists
  bool expn = false;  ///< answers EXPN truthfully: likewise
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool size = true;                   ///< the limit holds without it too
  bool enhanced_status_codes = true;  ///< without: no reply has one (RFC 2034)
  // Offered only where the store and the relay honour them.
  bool chunking = false;        ///< BDAT (RFC 3030)
  bool binary_mime = false;     ///< BODY=BINARYMIME, with chunking (RFC 3030)
  bool dsn = false;             ///< RFC 3461
  bool limits_keyword = false;  ///< tells RCPTMAX and MAILMAX in the greeting (RFC 9422)
  bool require_tls = false;     ///< under TLS only (RFC 8689)
  bool deliver_by = false;      ///< RFC 2852
  std::chrono::seconds least_deliver_by{0};  ///< announced, and refused below; 0: not announced
  bool future_release = false;               ///< RFC 4865
  std::chrono::seconds longest_hold{std::chrono::days(30)};  ///< announced, and refused above
  bool mt_priority = false;                                  ///< RFC 6710
  bool prdr = false;     ///< a reply a recipient where they differ (draft-hall-prdr)
  bool xclient = false;  ///< for peers that the consultant trusts: see ServerMachine::trust_peer
  bool lmtp = false;     ///< LHLO, and a reply a recipient behind the text (RFC 2033)
  ServerLimits limits;
};

}  // namespace postroad::smtp
