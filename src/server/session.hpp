// One connection from its greeting to its end, as a coroutine over the server machine. It answers
// the machine's questions from the hooks and the guard; what takes time (a login's key derivation,
// a commit, a store that is behind) suspends this session only.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>

#include "net/buffer_pool.hpp"
#include "net/network.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "observe/log.hpp"
#include "server/guard.hpp"
#include "server/hooks.hpp"

namespace postroad::server {

using boost::asio::ip::tcp;

/// What all sessions share. Everything outlives them.
struct Services {
  Store& store;
  Guard& guard;
  boost::asio::thread_pool& workers;  ///< for key derivation
  std::atomic<unsigned>& deriving;    ///< how many wait for that
  observe::Log& log;
};

/// What a listener's sessions are held to. Never changed once in use: a reload makes another, and
/// sessions that are open keep theirs.
struct ListenerSettings {
  Role role = Role::mx;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the kernel chooses
  std::string name;        ///< "[127.0.0.1]:2525"; the server fills it in
  smtp::ServerOptions smtp;
  std::optional<net::TlsContext> tls;
  std::shared_ptr<Policy> policy;
  /// Silence that a client must keep before it is greeted; who talks into it is sent away (554), as
  /// only programs do that read no replies. 0: no pause.
  std::chrono::milliseconds greet_pause{0};
  /// Before a wrong login hears so; twice as long for the second of a session, and so on. 0: none.
  std::chrono::milliseconds login_delay{0};
  std::vector<net::Network> proxies{};        ///< who begins a connection with a PROXY header
  std::vector<net::Network> xclient_peers{};  ///< who may use XCLIENT
};

/// A session's place in a roster, which it leaves by itself.
class Enrolled : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {};

/// The sessions that run on a thread; touched by that thread only.
struct Roster {
  boost::intrusive::list<Enrolled, boost::intrusive::constant_time_size<false>> sessions;
  bool stopping = false;  ///< one that begins now is told to stop
};

class Session final : public Enrolled {
 public:
  /// `buffers` and `roster` are its thread's, and outlive it.
  Session(boost::asio::ip::tcp::socket socket, std::shared_ptr<const ListenerSettings> listener,
          const Services& services, net::BufferPool& buffers, Roster& roster);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Whether the client may have a session; one that may not has been told so. Before `run`, on the
  /// accepting thread: whoever comes too often must not have the places of others meanwhile.
  bool is_welcome();
  /// Says that, waits for nothing, and closes. In place of `run`.
  void send_away(const Reply& reply);
  boost::asio::awaitable<void> run();
  [[nodiscard]] const std::string& peer() const { return facts_.peer; }
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
  boost::asio::awaitable<bool> open();
  boost::asio::awaitable<void> wait_for_silence();
  boost::asio::awaitable<bool> read_proxy_header();
  void enter(const boost::asio::ip::tcp::endpoint& client);
  Reply take_xclient(const std::vector<std::pair<std::string, std::string>>& attributes);
  Reply take_address(const std::vector<std::pair<std::string, std::string>>& attributes);
  boost::asio::awaitable<void> make_wait();
  boost::asio::awaitable<void> check_login(smtp::ServerMachine& machine,
                                           const sasl::Credentials& credentials);
  Reply at_connect();
  Reply at_mail(const smtp::Transaction& transaction);
  Reply at_rcpt(const Mailbox& recipient);
  Reply open_sink();
  void charge(proto::Time now);
  Reply keep(std::string_view octets);
  Reply limited(std::string_view limit, Reply reply, std::string_view login = {});

  net::Stream stream_;
  std::shared_ptr<const ListenerSettings> listener_;
  const Services& services_;
  net::BufferPool& buffers_;
  Roster& roster_;
  smtp::ServerMachine machine_;
  SessionFacts facts_;
  Guard::Visit visit_;
  std::unique_ptr<Reply> greeting_;  // a refusal that is known before the machine asks
  std::unique_ptr<MessageSink> sink_;
  proto::Time data_began_{};
  std::uint32_t messages_ = 0;
  std::uint64_t octets_charged_ = 0;
  std::uint32_t errors_charged_ = 0;
  boost::asio::steady_timer* delay_ = nullptr;  // that a wrong login waits for
  std::uint8_t wrong_logins_ = 0;
  bool is_proxied_ = false;  // the client is known only behind the PROXY header
};

}  // namespace postroad::server
