// One connection from its greeting to its end, as a coroutine over the server machine. It answers
// the machine's questions from the policies, the store and the guard. A wait (for a policy
// that answers later, a commit, a store that is behind) suspends this session only.
//
// session.cpp: beginning and end. session_peer.cpp: who the client is. session_answers.cpp: the
// machine's questions. session_login.cpp: AUTH.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>

#include "net/buffer_pool.hpp"
#include "net/network.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "observe/log.hpp"
#include "proto/proxy/header.hpp"
#include "server/events.hpp"
#include "server/guard.hpp"
#include "server/policy_chain.hpp"
#include "server/store.hpp"

namespace postroad::server {

using boost::asio::ip::tcp;

/// Shared by all sessions, and outlives them.
struct Services {
  Store& store;
  Guard& guard;
  observe::Log& log;
};

/// Settings for the sessions of a listener. They do not change once in use: a reload makes new
/// ones, and open sessions keep theirs.
struct ListenerSettings {
  Role role = Role::mx;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the kernel chooses
  std::string name;        ///< "[127.0.0.1]:2525"; the server fills it in
  smtp::ServerOptions smtp;
  std::optional<net::TlsContext> tls;
  PolicyChain policies;
  /// How long a session waits for one policy's answer. Below RFC 5321 §4.5.3.2's five minutes, so
  /// that the client still gets the reply.
  std::chrono::milliseconds policy_timeout{120'000};
  /// Silence before the greeting. A client that talks in it gets 554: only programs that read no
  /// replies do. 0: no pause.
  std::chrono::milliseconds greet_pause{0};
  /// Delay before the reply to a failed login. Doubles with each failure in a session. 0: none.
  std::chrono::milliseconds login_delay{0};
  std::vector<net::Network> proxies{};        ///< clients that begin with a PROXY header
  std::vector<net::Network> xclient_peers{};  ///< clients that may use XCLIENT
};

/// A session's place in a roster, which it leaves automatically.
class Enrolled : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {};

/// The sessions of a thread; accessed by that thread only.
struct Roster {
  boost::intrusive::list<Enrolled, boost::intrusive::constant_time_size<false>> sessions;
  bool stopping = false;  ///< a session that begins now is told to stop
  bool aborting = false;  ///< a session that begins now is ended at once
};

class Session final : public Enrolled {
 public:
  /// `buffers` and `roster` belong to the session's thread, and outlive it.
  Session(boost::asio::ip::tcp::socket socket, std::shared_ptr<const ListenerSettings> listener,
          const Services& services, net::BufferPool& buffers, Roster& roster);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();
  /// Whether the client may have a session; a client that may not has been told so. Before `run`,
  /// on the accepting thread, so that a client which connects too often takes no place meanwhile.
  bool is_welcome();
  /// Writes the reply, waits for nothing, and closes. In place of `run`.
  void send_away(const Reply& reply);
  boost::asio::awaitable<void> run();
  [[nodiscard]] const std::string& client() const { return client_; }
  /// Ends it as soon as no message is in progress. On the session's thread.
  void stop();
  /// Ends it now. On the session's thread.
  void abort();
  /// `run` ended with an exception.
  void log_failure(std::string_view reason) { session_failed(services_.log, info(), reason); }

  // The Consultant of net/drive.hpp.
  bool answer_now(smtp::ServerMachine& machine);
  boost::asio::awaitable<void> answer(smtp::ServerMachine& machine);
  boost::asio::awaitable<Result<proto::TlsFacts>> handshake(net::Stream& stream,
                                                            net::Time deadline);

 private:
  using Attributes = std::vector<std::pair<std::string, std::string>>;

  [[nodiscard]] SessionInfo info() const;
  [[nodiscard]] MessageFacts message_facts() const;

  boost::asio::awaitable<bool> open();
  boost::asio::awaitable<bool> begin_tls();
  boost::asio::awaitable<void> wait_for_silence();
  void end();
  void fail_session(const std::string& reason);
  void abandon_message();
  void charge(proto::Time now);
  Reply limited(std::string_view limit, Reply reply, std::string_view login = {});

  boost::asio::awaitable<bool> read_proxy_header();
  bool take_proxy_header(const proxy::Header& header);
  void enter(const tcp::endpoint& client);
  Reply begin_connect();
  Reply check_client();
  Reply take_xclient_address(const Attributes& attributes);
  Reply check_xclient(const Attributes& attributes);
  [[nodiscard]] Reply too_many_of_login(std::string_view what) const;

  bool go_on(Inquiry& inquiry);
  void put(SessionPolicy& policy, Answer answer);
  bool wait_later(Inquiry inquiry);
  boost::asio::awaitable<bool> wait_for_policies(Inquiry& inquiry);
  boost::asio::awaitable<void> answer_command();
  boost::asio::awaitable<void> answer_body(std::string_view bytes);
  boost::asio::awaitable<void> answer_end();
  Reply check_before();
  Reply check_after(Reply reply);
  sasl::Keys find_keys(std::string_view user, std::string_view mechanism);
  Reply open_sink();
  Reply keep(std::string_view bytes);
  bool take_body(std::string_view bytes);
  Reply take_checked_body(Inquiry& inquiry, std::string_view bytes);
  bool end_message(const smtp::AskEnd& end);
  void drop_message(const Reply& why);

  boost::asio::awaitable<void> check_login(const sasl::Credentials& credentials);
  boost::asio::awaitable<std::optional<Verdict>> verdict_on(const sasl::Credentials& credentials);
  Reply begin_login(const std::string& user, const Reply& accepted);
  boost::asio::awaitable<void> delay_reply();

  net::Stream stream_;
  std::shared_ptr<const ListenerSettings> listener_;
  const Services& services_;
  net::BufferPool& buffers_;
  Roster& roster_;
  smtp::ServerMachine machine_;
  std::uint64_t id_;
  std::string client_;  // "[192.0.2.1]:4711"
  tcp::endpoint endpoint_;
  Guard::Visit visit_;
  std::unique_ptr<Reply> greeting_;   // a refusal that is known before the machine asks
  std::unique_ptr<Inquiry> inquiry_;  // while a policy is to answer later
  std::unique_ptr<MessageSink> sink_;
  proto::Time data_began_{};
  std::uint32_t messages_ = 0;
  std::uint64_t bytes_charged_ = 0;
  std::uint32_t errors_charged_ = 0;
  boost::asio::steady_timer* timer_ = nullptr;  // that this session waits on
  std::uint8_t failed_logins_ = 0;
  bool is_proxied_ = false;       // the client is known only behind the PROXY header
  bool is_opened_ = false;        // and that is in the log
  bool was_asked_about_ = false;  // policies saw this session, and are told of its end
};

}  // namespace postroad::server
