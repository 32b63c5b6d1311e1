// The sending side: one server, one connection that is kept, many messages. This header is the
// manual of the blocking client; async.hpp has the same for Asio's completion tokens.
//
//   postroad::Client client{"smtp://mail.example:587",
//                           postroad::Login{"test", postroad::Secret::from_env("PW")}};
//   auto report = client.send(
//       postroad::Message{}.from("a@b").to("c@d").subject("hi").text("hello"));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/client_policy.hpp>
#include <postroad/login.hpp>
#include <postroad/message.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <postroad/stage.hpp>
#include <postroad/transport.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad {

/// The content of a PROXY header: the connection that is passed on.
struct POSTROAD_EXPORT ProxyHeader {
  int version = 2;       ///< 1 or 2
  std::string source{};  ///< "192.0.2.1" or "2001:db8::1"; empty: the sender of the header itself
  std::uint16_t source_port = 0;
  std::string destination{};
  std::uint16_t destination_port = 0;
};

/// Options of a client; each default is the safe one.
struct POSTROAD_EXPORT ClientOptions {
  Tls tls = Tls::automatic;
  std::string ca_file{};  ///< PEM file of CA certificates instead of the system's
  bool insecure_accept_any_certificate = false;  ///< encrypts without knowing the peer
  /// TLS 1.2 also with RSA key exchange and CBC ciphers, which RFC 9325 advises against; otherwise
  /// only ECDHE with AEAD ciphers, and TLS 1.3.
  bool insecure_allow_legacy_tls = false;
  bool allow_password_in_clear = false;  ///< insecure: AUTH also without TLS
  std::string helo_name{};  ///< name in EHLO; empty: the connection's own address as a literal
  bool plain_helo = false;  ///< HELO in place of EHLO: no extensions
  bool pipelining = true;   ///< use PIPELINING where the server offers it
  Chunking chunking = Chunking::when_needed;
  bool lmtp = false;  ///< LMTP (RFC 2033) in place of SMTP
  /// Leave out options of the envelope that the server does not support, in place of
  /// Fault::unsupported. REQUIRETLS and DeliverBy::Else::give_up are never left out.
  bool drop_unsupported_options = false;
  /// EHLO keywords of extensions that are not used although the server offers them: "CHUNKING".
  std::vector<std::string> ignored_extensions{};
  /// XCLIENT attributes ("ADDR", "192.0.2.1"), sent before AUTH. A server that does not offer
  /// XCLIENT ends the conversation.
  std::vector<std::pair<std::string, std::string>> xclient{};
  /// A PROXY header (v1 or v2) before everything else, for servers that expect one.
  std::optional<ProxyHeader> proxy_header{};
  /// socks5://[user:password@]host[:port] or http://… (CONNECT); empty: no proxy.
  std::string proxy{};
  /// Called while a message is sent, on the sending thread: bytes so far, and of the whole where
  /// that is known. False ends the call with Fault::cancelled, and the message is not delivered.
  std::function<bool(std::uint64_t sent, std::optional<std::uint64_t> whole)> progress{};
  /// To examine a server: ends once this stage was answered (`connect`, `ehlo`, `starttls`, `auth`,
  /// `mail`, `rcpt`, `data`; `message_data`: everything but the final dot was sent), with QUIT or,
  /// with `cut_there`, by closing. The call then ends with Fault::cancelled.
  std::optional<Stage> stop_after{};
  bool cut_there = false;
  std::string client_certificate{};  ///< PEM file to present, for EXTERNAL; empty: none
  std::string client_key{};          ///< PEM file; empty: the key is in the certificate's file
  /// "sha256:" and base64 of the digest of a public key (SubjectPublicKeyInfo). The server's key
  /// must be one of these; neither its name nor its issuer is then checked.
  std::vector<std::string> pinned_keys{};
  RecipientPolicy recipient_policy = RecipientPolicy::best_effort;
  std::chrono::milliseconds connect_timeout{30'000};       ///< name lookup and connection
  std::chrono::milliseconds command_timeout{300'000};      ///< per reply (RFC 5321 section 4.5.3.2)
  std::chrono::milliseconds end_of_data_timeout{600'000};  ///< for the reply to the final dot
  std::chrono::milliseconds quit_timeout{2'000};           ///< for the reply to QUIT
  std::chrono::milliseconds overall_timeout{0};            ///< per call; 0: none beyond those above
  /// Sees the conversation line by line, secrets hidden: "->" sent, "<-" received, "--" a note.
  /// Called on the sending thread.
  std::function<void(std::string_view arrow, std::string_view line)> trace{};
};

/// A client of one server. The first call that needs the connection opens it; it is kept for the
/// next calls.
///
/// URL: `smtp://[user[:password]@]host[:port][?tls=never|opportunistic|required]` (also
/// `&insecure_allow_legacy_tls=yes`), `smtps://…` or `lmtp://…`; ports 25 (587 with a login), 465
/// and 24 by default; user and password are percent-encoded. The first call reports an invalid URL.
///
/// Thread rule: one call at a time; only `cancel()` may be called from any thread. No member
/// throws.
class POSTROAD_EXPORT Client final : public Transport {
 public:
  explicit Client(std::string_view url, ClientOptions options = {});
  Client(std::string_view url, Login login, ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Sends QUIT without waiting for the reply (RFC 5321 section 4.1.1.10), then closes.
  ~Client() override;

  /// Connects, says EHLO, starts TLS and logs in, unless that has happened already.
  Result<void> connect();
  /// Sends to the recipients that the message names. Error: the conversation ended before the
  /// outcome of any recipient was known, and nothing was delivered. Everything else is in the
  /// report, per recipient.
  using Transport::send;
  /// Sends message data to an envelope of the caller's. `source` is read once, from front to back.
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

  /// VRFY and EXPN (RFC 5321 section 3.5). Most servers reply 252 or 502: those are Replies too.
  Result<Reply> verify(std::string_view address);
  Result<Reply> expand(std::string_view list);
  Result<Reply> noop();
  Result<Reply> reset();
  Result<Reply> help(std::string_view topic = {});
  /// Sends QUIT, waits for the reply for ClientOptions::quit_timeout, then closes. The reply is
  /// empty (code 0) without a connection, and without a reply in time.
  Result<Reply> quit();
  /// Ends the call under way, on whichever thread, with Fault::cancelled. No effect without one.
  void cancel();

  /// "host:port", as error texts name it.
  [[nodiscard]] std::string server() const;
  /// The keywords of the server's EHLO reply; empty before `connect()`.
  [[nodiscard]] std::vector<std::string> capabilities() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
