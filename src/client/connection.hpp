// One connection to one server as coroutines: opening it, sending on it, closing it. The blocking
// Client and the async one both stand on it. Not here: several connections (a pool), retries of
// whole mails. Thread rule: all calls on the thread of `executor`; one operation at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <vector>

#include "client/url.hpp"
#include "net/buffer_pool.hpp"
#include "net/stream.hpp"
#include "net/trace.hpp"
#include "proto/smtp/client/client_machine.hpp"

namespace postroad::client {

using boost::asio::awaitable;

class Connection final {
 public:
  /// `url_text` and `login` as Client takes them; a wrong URL is what every call then returns.
  Connection(std::string_view url_text, std::optional<Login> login, ClientOptions options);

  awaitable<Result<void>> open();
  awaitable<Result<SendReport>> send(Envelope envelope, MessageSource& source);
  awaitable<Result<Reply>> command(std::string verb, std::string argument);
  awaitable<Result<Reply>> quit();
  [[nodiscard]] std::string server() const { return url_.server(); }
  /// What every call returns, where the URL or an option is wrong.
  [[nodiscard]] const std::optional<Error>& invalid_reason() const { return wrong_; }
  [[nodiscard]] std::vector<std::string> capabilities() const;
  [[nodiscard]] bool is_open() const { return machine_ && machine_->is_usable(); }
  /// Whether the server has said something that nobody asked for, or hung up: a connection that was
  /// kept cannot be used then.
  [[nodiscard]] bool has_pending_input() const { return stream_ && stream_->has_input(); }
  /// Mails that the open connection has carried.
  [[nodiscard]] std::size_t mails() const { return machine_ ? machine_->mails() : 0; }
  /// Drops it without a word.
  void close();

 private:
  awaitable<void> drive(MessageSource* source);
  awaitable<Result<void>> ensure_open();
  awaitable<Result<void>> dial();
  awaitable<Result<void>> open_tunnel();
  awaitable<Result<SendReport>> send_part(Envelope part, MessageSource& source);
  [[nodiscard]] net::Time limit() const;
  [[nodiscard]] bool is_stale() const;
  [[nodiscard]] ServerOffer offer() const;

  Url url_;
  std::optional<ProxyUrl> proxy_;
  std::string early_;  // what the server said while the tunnel was dug
  std::optional<Error> wrong_;
  std::optional<Login> login_;
  ClientOptions options_;
  std::optional<net::TlsContext> tls_;
  std::optional<net::Trace> trace_;
  std::optional<net::Stream> stream_;
  std::optional<smtp::ClientMachine> machine_;
  net::BufferPool buffers_;
  net::Time until_ = net::Time::max();
  bool used_ = false;  // a mail or command has gone over this connection
};

[[nodiscard]] inline Error cancelled() { return fail(Fault::cancelled, {}, "cancelled"); }
/// What a call that threw ended with: a cancellation, or a want of the system (no descriptor, no
/// memory, no thread) that is none.
[[nodiscard]] Error error_of(const std::exception_ptr& thrown);

/// A cancellation becomes an Error in the result, at whatever wait it strikes. Only one that comes
/// before the call's first step still throws: whoever spawns it takes that for `cancelled()` too.
template <class T>
awaitable<T> without_throwing(awaitable<T> call) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(call);
}

}  // namespace postroad::client
