// One TCP connection, plaintext or TLS, with absolute deadlines. It tries the operation first and
// waits only when the kernel says so; an idle stream holds no buffer. It decides nothing: see
// drive.hpp. Thread rule: a stream belongs to the one thread that runs its io_context. Deadlines
// are lazy: one timer per stream, which moves only when it fires, because most deadlines are never
// reached.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <postroad/result.hpp>
#include <span>
#include <string>
#include <string_view>

#include "net/tls.hpp"
#include "proto/action.hpp"

namespace postroad::net {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using proto::Time;

class Stream final {
 public:
  explicit Stream(tcp::socket socket);
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;
  ~Stream();

  /// Reads what is available, at least one byte; 0 when the peer ended its side; nullopt when
  /// nothing is available, and `readable` then waits for more. Error: Fault::closed (reset).
  Result<std::optional<std::size_t>> read_now(std::span<char> into);
  /// Writes a front part of `bytes`, at least one; nullopt when the socket takes none, and
  /// `writable` then waits. Error: as `read_now`.
  Result<std::optional<std::size_t>> write_now(std::string_view bytes);
  /// Whether bytes may have been taken from the socket that `read_now` has not returned yet:
  /// `readable` would wait for others.
  [[nodiscard]] bool may_hold_input() const;
  /// Whether the peer has sent something, or closed, as far as the socket knows.
  [[nodiscard]] bool has_input() const;
  /// How a wait ended. Smaller than a Result: it lies in the frame of every connection that waits.
  enum class Waited : std::uint8_t { ready, closed, interrupted, cancelled, timed_out };
  /// Fault::closed, Fault::cancelled (interrupt() or cancellation), Fault::timeout.
  static Error error_of(Waited waited);
  /// Waits until `read_now` may return something.
  awaitable<Waited> readable(Time deadline) { return wait(read_wants(), deadline); }
  awaitable<Waited> writable(Time deadline) { return wait(write_wants(), deadline); }
  /// Both in one, for a caller with a buffer of its own: at least one byte, 0 at the peer's end.
  awaitable<Result<std::size_t>> read(std::span<char> into, Time deadline);
  awaitable<Result<std::size_t>> write(std::string_view bytes, Time deadline);
  /// TLS as client.
  awaitable<Result<proto::TlsFacts>> handshake_client(const TlsContext& context,
                                                      const TlsPeer& peer, Time deadline);
  awaitable<Result<proto::TlsFacts>> handshake_server(const TlsContext& context, Time deadline);
  /// The fault of the peer's certificate in the last handshake, where the context verifies.
  [[nodiscard]] CertificateFault certificate_fault() const;
  /// Makes a waiting read or write return Fault::cancelled.
  void interrupt();
  /// Ends this side, then reads and drops what the peer still sends until it ends its side or the
  /// deadline passes, then closes. A close with unread input would reset the connection, and the
  /// peer's system would drop our last reply (RFC 1122 section 4.2.2.13).
  awaitable<void> finish(Time deadline);
  /// TLS close_notify where TLS is up, then closes. Never waits.
  void close();
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] tcp::socket& socket();
  /// The executor of the io_context that the stream runs on.
  [[nodiscard]] asio::any_io_executor executor() const;
  /// "[192.0.2.1]:25" of the peer; for logs and Received.
  [[nodiscard]] std::string peer() const;

 private:
  struct State;
  enum class Want { read, write };
  awaitable<Waited> wait(Want want, Time deadline);
  [[nodiscard]] Want read_wants() const;
  [[nodiscard]] Want write_wants() const;
  void end_own_side();
  Result<void> begin_tls(const TlsContext& context);
  awaitable<Result<proto::TlsFacts>> handshake(const TlsContext& context, Time deadline,
                                               const std::string& host);
  std::shared_ptr<State> state_;
};

/// "[192.0.2.1]:25" or "[IPv6:2001:db8::1]:25".
std::string text_of(const tcp::endpoint& endpoint);

}  // namespace postroad::net
