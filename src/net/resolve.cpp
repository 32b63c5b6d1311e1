// getaddrinfo has no deadline and cannot be interrupted: with a name server that does not answer it
// takes 30 seconds. Asio's resolver inherits that: its cancel() takes effect when getaddrinfo
// returns, and the destructor of its io_context joins the thread. So the lookups run on threads
// that belong to no caller, and a caller that leaves is forgotten. See resolve.hpp.
#include "net/resolve.hpp"

#include <netdb.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "net/as_values.hpp"

namespace postroad::net {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

using Addresses = Result<std::vector<asio::ip::address>>;

Addresses system_lookup(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  // The name servers did not answer: whether there is an address is not known.
  if (code == EAI_AGAIN)
    return fail(Fault::connect, {},
                "the name " + name + " cannot be looked up now: " + ::gai_strerror(code));
  if (code != 0) {
    const std::string why =
        code == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(code);
    return fail(Fault::resolve, {}, "the name " + name + " has no address: " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  std::vector<asio::ip::address> addresses;
  for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(entry->ai_addrlen);
    std::copy_n(reinterpret_cast<const char*>(entry->ai_addr), entry->ai_addrlen,
                reinterpret_cast<char*>(endpoint.data()));
    addresses.push_back(endpoint.address());
  }
  return addresses;
}

// The answer of `lookup`. An exception must not leave the thread: it would end the process.
Addresses look_up(const NameLookup& lookup, const std::string& name) noexcept {
  try {
    try {
      return lookup(name);
    } catch (const std::exception& thrown) {
      return fail(Fault::resolve, {}, "the name " + name + " was not looked up: " + thrown.what());
    } catch (...) {
      return fail(Fault::resolve, {}, "the name " + name + " was not looked up: unknown exception");
    }
  } catch (...) {  // no memory for the words
    Error error;
    error.fault = Fault::resolve;
    return error;
  }
}

// One question, shared by the coroutine that waits and the thread that looks the name up.
struct Question {
  std::string name;
  std::mutex mutex;
  asio::steady_timer* bell = nullptr;  // null once the wait has ended
  std::optional<Addresses> answer;

  void answered(Addresses addresses, const std::shared_ptr<Question>& self) noexcept {
    const std::lock_guard lock(mutex);
    if (bell == nullptr) return;
    answer = std::move(addresses);
    try {
      asio::post(bell->get_executor(), [self] {
        const std::lock_guard again(self->mutex);
        if (self->bell != nullptr) self->bell->cancel();
      });
    } catch (...) {
      // No memory: the caller finds the answer at its deadline.
    }
  }
  void forget() {
    const std::lock_guard lock(mutex);
    bell = nullptr;
  }
  bool is_forgotten() {
    const std::lock_guard lock(mutex);
    return bell == nullptr;
  }
};

// A thread lives while there are questions. The object itself is never destroyed: a lookup may
// outlast main().
class Lookups final {
 public:
  static Lookups& get() {
    static auto* const lookups = new Lookups;
    return *lookups;
  }
  void set(NameLookup lookup) {
    auto made =
        std::make_shared<const NameLookup>(lookup ? std::move(lookup) : NameLookup(system_lookup));
    const std::lock_guard lock(mutex_);
    lookup_.swap(made);
  }
  Result<void> ask(std::shared_ptr<Question> question) {
    const std::lock_guard lock(mutex_);
    try {
      questions_.push_back(std::move(question));
    } catch (const std::bad_alloc&) {
      return fail(Fault::io, {}, "no memory for the name lookup");
    }
    if (threads_ == max_threads || start()) return {};
    if (threads_ > 0) return {};  // a thread that runs already takes it
    questions_.pop_back();
    return fail(Fault::io, {}, "cannot start a thread for the name lookup");
  }

 private:
  static constexpr std::size_t max_threads = 64;

  // A signal of the program's must not arrive on a thread of the library's.
  bool start() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
      std::thread([this] { run(); }).detach();
      ++threads_;
    } catch (...) {  // no thread, or no memory
      started = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }
  void run() noexcept {
    std::unique_lock lock(mutex_);
    while (!questions_.empty()) {
      auto question = std::move(questions_.front());
      questions_.pop_front();
      auto lookup = lookup_;
      lock.unlock();
      if (!question->is_forgotten()) question->answered(look_up(*lookup, question->name), question);
      question.reset();
      lookup.reset();
      lock.lock();
    }
    --threads_;
  }

  std::mutex mutex_;
  std::shared_ptr<const NameLookup> lookup_ = std::make_shared<const NameLookup>(system_lookup);
  std::deque<std::shared_ptr<Question>> questions_;
  std::size_t threads_ = 0;
};

// Also when the coroutine is destroyed while it waits.
struct ForgetAtExit {
  explicit ForgetAtExit(Question& asked) : question(asked) {}
  ForgetAtExit(const ForgetAtExit&) = delete;
  ForgetAtExit& operator=(const ForgetAtExit&) = delete;
  ~ForgetAtExit() { question.forget(); }
  Question& question;
};

}  // namespace

void set_name_lookup(NameLookup lookup) { Lookups::get().set(std::move(lookup)); }

awaitable<Result<std::vector<tcp::endpoint>>> resolve(std::string host, std::uint16_t port,
                                                      proto::Time deadline) {
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer bell(co_await asio::this_coro::executor, deadline);
  const auto question = std::make_shared<Question>();
  question->name = host;
  question->bell = &bell;
  const ForgetAtExit forget(*question);
  const auto asked = Lookups::get().ask(question);
  if (!asked) co_return asked.error();
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() == asio::cancellation_type::none) (void)co_await bell.async_wait(as_values);
  std::optional<Addresses> answer;
  {
    const std::lock_guard lock(question->mutex);
    answer = std::move(question->answer);
  }
  if (!answer && state.cancelled() != asio::cancellation_type::none)
    co_return fail(Fault::cancelled, {}, "cancelled");
  if (!answer) co_return fail(Fault::timeout, {}, "the name " + host + " was not resolved in time");
  if (!*answer) co_return answer->error();
  std::vector<tcp::endpoint> endpoints;
  for (const auto& address : **answer) endpoints.emplace_back(address, port);
  co_return endpoints;
}

}  // namespace postroad::net
