// One connection from its greeting to its end, as a coroutine over the server machine. It answers
// the machine's questions from the hooks; what takes time (a login's key derivation, a commit, a
// store that is behind) suspends this session only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>

#include "net/stream.hpp"
#include "net/tls.hpp"
#include "observe/log.hpp"
#include "server/hooks.hpp"

namespace postroad::server {

using boost::asio::ip::tcp;

/// What all sessions share. Everything outlives them.
struct Services {
  Store& store;
  Policy& policy;
  boost::asio::thread_pool& workers;  ///< for key derivation
  observe::Log& log;
};

struct ListenerSettings {
  Role role = Role::relay_in;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the kernel chooses
  smtp::ServerOptions smtp;
  std::optional<net::TlsContext> tls;
};

class Session final {
 public:
  Session(boost::asio::ip::tcp::socket socket, const ListenerSettings& listener, Services services);
  boost::asio::awaitable<void> run();
  /// Ends it as soon as no message is under way. On the session's thread.
  void stop();
  /// Ends it now. On the session's thread.
  void abort();

  // The Consultant of net/drive.hpp.
  bool answer_now(smtp::ServerMachine& machine);
  boost::asio::awaitable<void> answer(smtp::ServerMachine& machine);
  boost::asio::awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream,
                                                            net::Time deadline);

 private:
  boost::asio::awaitable<bool> begin_tls();
  Reply open_sink();
  Reply keep(std::string_view octets);
  void log_end() const;

  net::Stream stream_;
  const ListenerSettings& listener_;
  Services services_;
  smtp::ServerMachine machine_;
  SessionFacts facts_;
  std::unique_ptr<MessageSink> sink_;
  std::uint64_t messages_ = 0;
};

}  // namespace postroad::server
