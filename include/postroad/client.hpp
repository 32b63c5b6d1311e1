// The sending side: one server, one connection that is kept, many mails. This header is the manual
// of the blocking client; async.hpp has the same for Asio's completion tokens.
//
//   postroad::Client client{"smtp://mail.example:587", postroad::Login{"test",
//   postroad::Secret::from_env("PW")}}; auto report =
//   client.send(postroad::Message{}.from("a@b").to("c@d").subject("hi").text("hello"));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/login.hpp>
#include <postroad/message.hpp>
#include <postroad/report.hpp>
#include <postroad/result.hpp>
#include <postroad/transport.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad {

/// When TLS is used.
enum class Tls : std::uint8_t {
  automatic,      ///< smtps: implicit; with a login: required; else opportunistic
  never,          ///< plain text whatever the server offers
  opportunistic,  ///< STARTTLS where it is offered; a certificate that fails still ends the
                  ///< conversation
  required,       ///< STARTTLS, or nothing is sent
  implicit,       ///< TLS before the greeting (RFC 8314), the port's default is 465
};

enum class Recipients : std::uint8_t {
  best_effort,  ///< a refused recipient does not keep the others from theirs
  all_or_none,  ///< one refused recipient, and nobody gets it
};

/// When a message goes by BDAT (RFC 3030) in place of DATA.
enum class Chunking : std::uint8_t {
  when_needed,  ///< a binary message: DATA cannot carry it
  preferred,    ///< wherever it is offered
  never,
};

/// What a PROXY header says of the connection that we pass on.
struct POSTROAD_EXPORT ProxyHeader {
  int version = 2;       ///< 1 or 2
  std::string source{};  ///< "192.0.2.1" or "2001:db8::1"; empty: we speak for ourselves
  std::uint16_t source_port = 0;
  std::string destination{};
  std::uint16_t destination_port = 0;
};

/// Options of a client; each default is the safe one.
struct POSTROAD_EXPORT ClientOptions {
  Tls tls = Tls::automatic;
  std::string ca_file{};                         ///< PEM roots instead of the system's
  bool insecure_accept_any_certificate = false;  ///< encryption without knowing with whom
  /// TLS 1.2 also with RSA key exchange and CBC ciphers, which RFC 9325 advises against; otherwise
  /// only ECDHE with AEAD ciphers, and TLS 1.3.
  bool insecure_allow_legacy_tls = false;
  bool allow_password_in_clear = false;  ///< AUTH also without TLS
  std::string helo_name{};  ///< what EHLO says; empty: the connection's own address, as a literal
  bool plain_helo = false;  ///< HELO in place of EHLO: no extension is used
  bool pipelining = true;   ///< used where the server offers it
  Chunking chunking = Chunking::when_needed;
  bool lmtp = false;  ///< LMTP (RFC 2033) in place of SMTP
  /// What an envelope's options ask and the server lacks is left out, in place of
  /// Fault::unsupported; REQUIRETLS and DeliverBy::Else::give_up never are.
  bool drop_unsupported_options = false;
  /// Extensions that are not used though the server offers them, by their EHLO keyword: "CHUNKING".
  std::vector<std::string> ignored_extensions{};
  /// XCLIENT attributes ("ADDR", "192.0.2.1"), said before AUTH; a server that does not offer it to
  /// us ends the conversation.
  std::vector<std::pair<std::string, std::string>> xclient{};
  /// A PROXY header to begin with, "v1" or "v2"; for servers that expect one.
  std::optional<ProxyHeader> proxy_header{};
  /// A proxy on the way: socks5://[user:password@]host[:port] or http://… (CONNECT); empty: none.
  std::string proxy{};
  /// Called as a message goes out, on the thread that sends: octets so far and, where it is known,
  /// of the whole. False ends the call with Fault::cancelled, and no part is taken for the whole.
  std::function<bool(std::uint64_t sent, std::optional<std::uint64_t> whole)> progress{};
  /// To look at a server: ends once this stage was answered (`connect`, `ehlo`, `starttls`, `auth`,
  /// `mail`, `rcpt`, `data`; `message_data`: all but the final dot was sent), with QUIT or, with
  /// `cut_there`, by closing. The call then ends with Fault::cancelled.
  std::optional<Stage> stop_after{};
  bool cut_there = false;
  std::string client_certificate{};  ///< PEM file that we show, for EXTERNAL; empty: none
  std::string client_key{};          ///< PEM file; empty: it stands in the certificate's file
  /// "sha256:" and base64 of the server's public key (SubjectPublicKeyInfo): one of these, and then
  /// neither a root nor the name is asked for.
  std::vector<std::string> pinned_keys{};
  Recipients recipients = Recipients::best_effort;
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds command_timeout{300'000};      ///< for each reply (RFC 5321 §4.5.3.2)
  std::chrono::milliseconds end_of_data_timeout{600'000};  ///< for the reply to the final dot
  std::chrono::milliseconds quit_timeout{2'000};           ///< how long `quit` waits for the reply
  std::chrono::milliseconds overall_timeout{0};  ///< for each whole call; 0: the sum of its parts
  /// Sees the dialogue line by line, secrets hidden: "->" sent, "<-" received, "--" a note. Called
  /// on the thread that sends.
  std::function<void(std::string_view arrow, std::string_view line)> trace{};
};

/// A client of one server. The connection is opened by the first call that needs it and kept for
/// the next.
///
/// Thread rule: one call at a time; `cancel()` alone may come from any thread. No call throws. A
/// wrong URL is reported by the first call. URL:
/// `smtp://[user[:password]@]host[:port][?tls=never|opportunistic|required]` or `smtps://…`; ports
/// 25 (587 with a login) and 465 by default; percent-encoding in user and password.
class POSTROAD_EXPORT Client final : public Transport {
 public:
  explicit Client(std::string_view url, ClientOptions options = {});
  Client(std::string_view url, Login login, ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Closes the connection; sends QUIT first without waiting for the reply (RFC 5321 section
  /// 4.1.1.10).
  ~Client() override;

  /// Connects, says EHLO, starts TLS and logs in, if that has not happened yet.
  Result<void> connect();
  /// Sends to the recipients that the message names. Error: the conversation broke before any
  /// recipient's outcome was known, so nothing was delivered; everything else is in the report,
  /// recipient by recipient.
  using Transport::send;
  /// Sends octets to an envelope of the caller's. `source` is read once, from front to back.
  Result<SendReport> send(const Envelope& envelope, MessageSource& source) override;

  /// VRFY and EXPN (RFC 5321 §3.5). Most servers answer 252 or 502: that is a Reply too.
  Result<Reply> verify(std::string_view address);
  Result<Reply> expand(std::string_view list);
  Result<Reply> noop();
  Result<Reply> reset();
  Result<Reply> help(std::string_view topic = {});
  /// QUIT, waits for the reply for ClientOptions::quit_timeout, then closes. Without a connection,
  /// and without a reply in time, the reply is empty (code 0).
  Result<Reply> quit();
  /// Makes the call under way, on whichever thread, end with Fault::cancelled. No effect when there
  /// is none.
  void cancel();

  /// "host:port", as error sentences name it.
  [[nodiscard]] std::string server() const;
  /// The keywords of the server's EHLO reply; empty before `connect()`.
  [[nodiscard]] std::vector<std::string> capabilities() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad
