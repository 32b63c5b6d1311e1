// The options of a client: Client, AsyncClient, Pool, Machine and Outbox take them.
//
//   postroad::ClientOptions options;
//   options.tls.policy = postroad::Tls::required;
//   options.timeouts.connect = 5s;
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <postroad/client_policy.hpp>
#include <postroad/stage.hpp>
#include <postroad/version.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postroad {

/// When TLS is used, which server is trusted, and the client's own certificate.
struct POSTROAD_EXPORT TlsOptions {
  Tls policy = Tls::automatic;
  std::string ca_file{};  ///< PEM file of CA certificates instead of the system's
  /// "sha256:" and base64 of the digest of a public key (SubjectPublicKeyInfo). The server's key
  /// must be one of these; neither its name nor its issuer is then checked.
  std::vector<std::string> pinned_keys{};
  std::string client_certificate{};  ///< PEM file to present, for EXTERNAL; empty: none
  std::string client_key{};          ///< PEM file; empty: the key is in the certificate's file
  bool insecure_accept_any_certificate = false;  ///< insecure: encrypts without verifying the peer
  /// TLS 1.2 also with RSA key exchange and CBC ciphers, which RFC 9325 advises against; otherwise
  /// only ECDHE with AEAD ciphers, and TLS 1.3.
  bool insecure_allow_legacy_tls = false;
};

/// How errors name the options that a remedy may change: here by their names in this header. A
/// program whose users set them elsewhere gives its own names, such as "--ca-file FILE". An option
/// with an empty name cannot be set, and no error suggests it.
struct POSTROAD_EXPORT OptionNames {
  std::string ca_file = "tls.ca_file";
  std::string pinned_keys = "tls.pinned_keys";
  std::string client_certificate = "tls.client_certificate";
  std::string legacy_tls = "tls.insecure_allow_legacy_tls";
  std::string password_in_clear = "allow_password_in_clear";
  /// Where the user of the program sets those of the login; errors do not name them by default.
  std::string user{};
  std::string password{};

  friend bool operator==(const OptionNames&, const OptionNames&) = default;
};

/// How long a client waits.
struct POSTROAD_EXPORT ClientTimeouts {
  std::chrono::milliseconds connect{30'000};       ///< name lookup and connection
  std::chrono::milliseconds greeting{0};           ///< for the greeting; 0: as for `command`
  std::chrono::milliseconds command{300'000};      ///< per reply (RFC 5321 section 4.5.3.2)
  std::chrono::milliseconds end_of_data{600'000};  ///< for the reply to the final dot
  std::chrono::milliseconds quit{2'000};           ///< for the reply to QUIT
  std::chrono::milliseconds overall{0};            ///< per call; 0: none beyond those above

  friend bool operator==(const ClientTimeouts&, const ClientTimeouts&) = default;
};

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
  TlsOptions tls{};
  ClientTimeouts timeouts{};
  bool allow_password_in_clear = false;  ///< insecure: AUTH also without TLS
  std::string helo_name{};  ///< name in EHLO; empty: the connection's own address as a literal
  bool plain_helo = false;  ///< HELO in place of EHLO: no extensions
  bool lmtp = false;        ///< LMTP (RFC 2033) in place of SMTP
  RecipientPolicy recipient_policy = RecipientPolicy::best_effort;
  bool pipelining = true;  ///< use PIPELINING where the server offers it
  Chunking chunking = Chunking::when_needed;
  /// Leave out options of the envelope that the server does not support, in place of
  /// Fault::unsupported. REQUIRETLS and DeliverBy::Else::give_up are never left out.
  bool drop_unsupported_options = false;
  /// EHLO keywords of extensions that are not used although the server offers them: "CHUNKING".
  std::vector<std::string> ignored_extensions{};
  /// socks5://[user:password@]host[:port] or http://… (CONNECT); empty: no proxy.
  std::string proxy{};
  /// A PROXY header (v1 or v2) before everything else, for servers that expect one.
  std::optional<ProxyHeader> proxy_header{};
  /// XCLIENT attributes ("ADDR", "192.0.2.1"), sent before AUTH. A server that does not offer
  /// XCLIENT ends the session.
  std::vector<std::pair<std::string, std::string>> xclient{};
  /// Called while a message is sent, on the sending thread: bytes so far, and of the whole where
  /// that is known. False ends the call with Fault::cancelled, and the message is not delivered.
  std::function<bool(std::uint64_t sent, std::optional<std::uint64_t> whole)> progress{};
  /// Sees the session line by line, secrets hidden: "->" sent, "<-" received, "--" a note.
  /// Called on the sending thread.
  std::function<void(std::string_view arrow, std::string_view line)> trace{};
  /// To examine a server: ends once this stage was answered (`connect`, `ehlo`, `starttls`, `auth`,
  /// `mail`, `rcpt`, `data`; `message_data`: everything but the final dot was sent), with QUIT or,
  /// with `cut_there`, by closing. The call then ends with Fault::cancelled.
  std::optional<Stage> stop_after{};
  bool cut_there = false;
  OptionNames names{};  ///< how errors name the options above
};

}  // namespace postroad
