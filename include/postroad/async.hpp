// The client for programs that run on Asio: every call takes a completion token (a coroutine's
// use_awaitable, a callback, use_future) and completes on the token's executor. The message is sent
// by a thread of the library, behind a plain callback, so that neither the compiler nor the build
// flags of the program need to match the library's.
//
//   postroad::AsyncClient client{"smtp://mail.example:587", login};
//   auto report = co_await client.async_send(message, boost::asio::use_awaitable);
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/client.hpp>
#include <postroad/pool.hpp>
#include <string>
#include <utility>

namespace postroad {

namespace detail {

// Binds a start function, which takes a callback and returns a ticket, to a completion token: the
// handler runs on its own executor. `cancel` takes the ticket, at any time. The slot is assigned
// before the start: after it the handler may already run on another thread.
template <class T, class Start, class Cancel, class Token>
auto initiate(Start start, Cancel cancel, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result<T>)>(
      [](auto handler, Start begin, Cancel end) {
        using Handler = decltype(handler);
        // The callback is copied on the library's thread: what the handler holds, perhaps the last
        // reference to the client, is still destroyed on the handler's own executor.
        auto shared = std::make_shared<std::optional<Handler>>(std::move(handler));
        auto slot = boost::asio::get_associated_cancellation_slot(**shared);
        boost::asio::any_io_executor executor =
            boost::asio::get_associated_executor(**shared, boost::asio::system_executor());
        auto work =
            std::make_shared<boost::asio::executor_work_guard<boost::asio::any_io_executor>>(
                executor);
        auto ticket = std::make_shared<std::atomic<std::uint64_t>>(0);
        if (slot.is_connected()) {
          slot.assign([end = std::move(end), ticket](boost::asio::cancellation_type) {
            if (const auto number = ticket->load()) end(number);
          });
        }
        *ticket = begin([shared, executor, work, slot](Result<T> result) mutable {
          boost::asio::post(executor, [shared, slot, result = std::move(result)]() mutable {
            if (slot.is_connected()) slot.clear();
            auto call = std::move(**shared);
            shared->reset();
            std::move(call)(std::move(result));
          });
          // Not by the handler: without work its context may end while this thread is still in
          // `post`.
          work->reset();
        });
      },
      token, std::move(start), std::move(cancel));
}

}  // namespace detail

/// One connection to one server, used from any number of tasks: calls made while another is under
/// way wait their turn, in order. The token's cancellation slot ends a call with Fault::cancelled.
/// The destructor cancels all calls and sends QUIT without waiting. Thread rule: all members from
/// any thread; the destructor not from a callback.
class POSTROAD_EXPORT AsyncClient {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;
  /// Names a call for `cancel`.
  using Ticket = std::uint64_t;

  explicit AsyncClient(std::string_view url, ClientOptions options = {});
  AsyncClient(std::string_view url, Login login, ClientOptions options = {});
  AsyncClient(AsyncClient&&) noexcept;
  AsyncClient& operator=(AsyncClient&&) noexcept;
  ~AsyncClient();

  /// As Client::send. Completes with Result<SendReport>.
  template <class Token>
  auto async_send(Message message, Token&& token) {
    return initiate<SendReport>(
        [this, message = std::move(message)](Callback<SendReport> done) mutable {
          return start_send(std::move(message), std::move(done));
        },
        std::forward<Token>(token));
  }
  /// As Client::send with message data and an envelope; `source` must live until completion.
  template <class Token>
  auto async_send(Envelope envelope, MessageSource& source, Token&& token) {
    return initiate<SendReport>(
        [this, envelope = std::move(envelope), &source](Callback<SendReport> done) mutable {
          return start_send(std::move(envelope), source, std::move(done));
        },
        std::forward<Token>(token));
  }
  /// VRFY, EXPN, NOOP, RSET, HELP with their argument. Completes with Result<Reply>.
  template <class Token>
  auto async_command(std::string verb, std::string argument, Token&& token) {
    return initiate<Reply>(
        [this, verb = std::move(verb),
         argument = std::move(argument)](Callback<Reply> done) mutable {
          return start_command(std::move(verb), std::move(argument), std::move(done));
        },
        std::forward<Token>(token));
  }
  /// QUIT. Completes with Result<Reply>.
  template <class Token>
  auto async_quit(Token&& token) {
    return initiate<Reply>([this](Callback<Reply> done) { return start_quit(std::move(done)); },
                           std::forward<Token>(token));
  }

  /// The same calls with a plain callback on the library's thread, which must be short and must not
  /// throw.
  Ticket start_send(Message message, Callback<SendReport> done);
  Ticket start_send(Envelope envelope, MessageSource& source, Callback<SendReport> done);
  Ticket start_command(std::string verb, std::string argument, Callback<Reply> done);
  Ticket start_quit(Callback<Reply> done);
  /// Ends that call with Fault::cancelled, whether it waits or is under way. No effect when it is
  /// over.
  void cancel(Ticket ticket);
  /// A function that does the same; it has no effect after the end of the client.
  [[nodiscard]] std::function<void(Ticket)> canceller() const;

 private:
  struct State;

  template <class T, class Start, class Token>
  auto initiate(Start start, Token&& token) {
    return detail::initiate<T>(std::move(start), canceller(), std::forward<Token>(token));
  }

  std::unique_ptr<State> state_;
};

/// As Pool::send, for many tasks at once. Completes with Result<SendReport>. `caller` as for
/// Pool::start_send. The pool's destructor completes the call with Fault::cancelled.
template <class Token>
auto async_send(Pool& pool, Message message, Token&& token, std::uint64_t caller = 0) {
  return detail::initiate<SendReport>(
      [&pool, message = std::move(message), caller](Pool::Callback done) mutable {
        return pool.start_send(std::move(message), std::move(done), caller);
      },
      pool.canceller(), std::forward<Token>(token));
}

}  // namespace postroad
