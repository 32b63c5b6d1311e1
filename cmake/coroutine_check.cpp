// Ends with 0 when the compiler destroys temporaries around co_await exactly once. g++-12 does not:
// it copies an aggregate temporary bitwise into the frame and destroys both.
#include <coroutine>
#include <string>
#include <utility>

namespace {
int alive = 0;

struct Counted {
  std::string text;
  explicit Counted(std::string t) : text(std::move(t)) { ++alive; }
  Counted(const Counted& o) : text(o.text) { ++alive; }
  Counted(Counted&& o) noexcept : text(std::move(o.text)) { ++alive; }
  ~Counted() { --alive; }
};
struct Pair {
  Counted a;
  Counted b;
};

struct Task {
  struct promise_type {
    int value = 0;
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(int v) { value = v; }
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
};

struct Later {
  Pair pair;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) noexcept {}
  int await_resume() const noexcept { return static_cast<int>(pair.a.text.size()); }
};
Later later(Pair p) { return Later{std::move(p)}; }
Later choose(const Counted& c) { return Later{Pair{c, c}}; }

Task run(bool flag) {
  int n = co_await later(Pair{Counted(std::string(40, 'x')), Counted("b")});
  n += co_await choose(flag ? Counted("left, long enough for the heap") : Counted("right"));
  n += co_await [text = std::string(40, 'y')] {
    return later(Pair{Counted(text), Counted("d")});
  }();
  co_return n;
}
}  // namespace

int main() {
  auto task = run(true);
  for (int i = 0; i < 3; ++i) task.handle.resume();
  const bool right = task.handle.done() && task.handle.promise().value == 40 + 30 + 40;
  task.handle.destroy();
  return right && alive == 0 ? 0 : 1;
}
