// Invented events through every sink, and their metrics. The clock is an argument, so that whole
// lines are compared. Row34 tests: no text from a peer can forge a line or a field.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "observe/metrics.hpp"
#include "observe/sinks.hpp"

namespace postroad::observe {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr std::string_view listener_names[] = {"smtp", "submission"};
constexpr FieldInfo opened_fields[] = {{"client", "address and port"},
                                       {"listener", "which port took it", "", listener_names},
                                       {"wait", "time in the backlog"},
                                       {"bytes", "how much", "bytes"},
                                       {"tls", "whether it was encrypted"}};
constexpr EventInfo opened{"session.opened", Level::info,
                           "{client} connected to {listener} after {wait}", opened_fields,
                           "A client connected."};
constexpr EventInfo quiet{"loop.turned", Level::debug, "a turn", {}, "The loop turned."};
constexpr const EventInfo* kinds[] = {&opened, &quiet};

std::chrono::system_clock::time_point noon() {
  return std::chrono::system_clock::time_point(1795435200123ms);
}

LineWriter into(std::string& out) {
  return [&out](std::string_view line) { out += line; };
}

TEST(TextSink, WritesOneLine) {
  std::string out;
  Log log(noon);
  log.add_sink(std::make_shared<TextSink>(into(out), TextSink::Style{}));
  log.write(opened, "[127.0.0.1]:4711", std::string("smtp"), 1204ms, 35U, true);
  log.write(opened, "a \"b\" \\c", "", 250us);
  EXPECT_EQ(out,
            "2026-11-23T12:00:00.123Z info session.opened client=[127.0.0.1]:4711 listener=smtp "
            "wait=1.204s bytes=35 "
            "tls=true\n"
            "2026-11-23T12:00:00.123Z info session.opened client=\"a \\\"b\\\" \\\\c\" "
            "listener=\"\" wait=250us\n");
}

TEST(TextSink, ColourAndSentencesOnlyWhenTold) {
  std::string out;
  Log log(noon);
  log.add_sink(
      std::make_shared<TextSink>(into(out), TextSink::Style{.colour = true, .sentences = true}));
  log.write(opened, "[::1]:1", "smtp");
  EXPECT_EQ(out,
            "2026-11-23T12:00:00.123Z \x1b[32minfo\x1b[0m [::1]:1 connected to smtp after -\n");
}

TEST(TextSink, WritesToADescriptor) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Log log(noon);
  log.add_sink(std::make_shared<TextSink>(ends[1]));
  log.write(opened);
  char bytes[100];
  const auto n = ::read(ends[0], bytes, sizeof bytes);
  EXPECT_EQ(std::string(bytes, static_cast<std::size_t>(n)),
            "2026-11-23T12:00:00.123Z info session.opened\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(JsonSink, WritesOneObjectPerLine) {
  std::string out;
  Log log(noon);
  log.add_sink(std::make_shared<JsonSink>(into(out)));
  log.write(opened, "a\"\\\t\xff測", "smtp", 1500ms, -3, false);
  EXPECT_EQ(
      out,
      "{\"time\":\"2026-11-23T12:00:00.123Z\",\"level\":\"info\",\"event\":\"session.opened\","
      "\"client\":\"a\\\"\\\\\\u0009\xef\xbf\xbd測\",\"listener\":\"smtp\",\"wait\":1.500000,"
      "\"bytes\":-3,"
      "\"tls\":false,\"text\":\"a\\\"\\\\\\\\x09\\\\xff測 connected to smtp after 1.500s\"}\n");
  EXPECT_EQ(escape_json("\xc2\x9b\u2028\x7f"), "\\u009b\\u2028\\u007f");
}

TEST(Row34, NoFieldCanBeginASecondLine) {
  for (const std::string_view evil :
       {"x\r\n2026-11-23T12:00:00.123Z info session.opened", "x\ny", "x\ry", "x\x1b[2Jy",
        "x\xc2\x85y", "x\xc2\x9by", "x\vy", "x\u2028y", "x y\nz", "\"\n", "\\\n"}) {
    for (const bool sentences : {false, true}) {
      std::string text, json;
      Log log(noon);
      log.add_sink(std::make_shared<TextSink>(
          into(text), TextSink::Style{.colour = false, .sentences = sentences}));
      log.add_sink(std::make_shared<JsonSink>(into(json)));
      log.write(opened, evil, evil);
      for (const auto& line : {text, json}) {
        EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
        EXPECT_TRUE(line.ends_with('\n'));
        EXPECT_THAT(line, Not(HasSubstr("\r")));
        EXPECT_THAT(line, Not(HasSubstr("\x1b")));
        EXPECT_THAT(line, Not(HasSubstr("\xc2\x85")));
        EXPECT_THAT(line, Not(HasSubstr("\xc2\x9b")));
      }
      EXPECT_THAT(json, Not(HasSubstr("\u2028")));
    }
  }
}

TEST(Row34, NoFieldCanPretendToBeAnother) {
  std::string out;
  Log log(noon);
  log.add_sink(std::make_shared<TextSink>(into(out), TextSink::Style{}));
  log.write(opened, "x\" listener=submission", "smtp");
  EXPECT_THAT(out, HasSubstr("client=\"x\\\" listener=submission\" listener=smtp"));
}

TEST(Log, WithoutASinkNothingIsAsked) {
  bool asked = false;
  Log log([&] {
    asked = true;
    return noon();
  });
  EXPECT_FALSE(log.wants(Level::error));
  log.write(opened, "x");
  EXPECT_FALSE(asked);
}

TEST(Log, EachSinkHasItsLevel) {
  Log log(noon);
  const auto all = std::make_shared<CaptureSink>();
  const auto few = std::make_shared<CaptureSink>();
  log.add_sink(few);
  EXPECT_FALSE(log.wants(Level::debug));
  log.add_sink(all, Level::debug);
  log.write(quiet);
  log.write(opened, "x", "smtp");
  EXPECT_EQ(few->records().size(), 1U);
  EXPECT_EQ(all->records().size(), 2U);
  EXPECT_EQ(few->records()[0].fields.at("client"), "x");
  EXPECT_EQ(all->count(quiet), 1U);
}

TEST(Log, IsSharedByThreads) {
  Log log(noon);
  const auto sink = std::make_shared<CaptureSink>();
  log.add_sink(sink);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) log.write(opened, "x", "smtp", 1ms, i);
      log.add_sink(std::make_shared<CaptureSink>());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sink->count(opened), 2000U);
}

TEST(Metrics, EventsCountThemselvesWithBoundedLabels) {
  Metrics metrics;
  Log log(noon);
  log.add_sink(std::make_shared<CountSink>(metrics, kinds), Level::debug);
  metrics.declare(
      {"postroad_queue_messages", "Messages in the\nqueue.", MetricKind::Type::gauge, {}});
  metrics.cell("postroad_queue_messages").set(7);
  metrics.cell("never_declared").add();
  log.write(opened, "[192.0.2.1]:1", "smtp");
  log.write(opened, "[192.0.2.2]:1", "smtp");
  log.write(opened, "[192.0.2.3]:1", "made up");
  log.write(quiet);
  EXPECT_EQ(metrics.text(),
            "# HELP postroad_loop_turned_total The loop turned.\n"
            "# TYPE postroad_loop_turned_total counter\n"
            "postroad_loop_turned_total 1\n"
            "# HELP postroad_queue_messages Messages in the queue.\n"
            "# TYPE postroad_queue_messages gauge\n"
            "postroad_queue_messages 7\n"
            "# HELP postroad_session_opened_total A client connected.\n"
            "# TYPE postroad_session_opened_total counter\n"
            "postroad_session_opened_total{listener=\"smtp\"} 2\n"
            "postroad_session_opened_total{listener=\"submission\"} 0\n"
            "postroad_session_opened_total{listener=\"other\"} 1\n");
}

TEST(Metrics, LabelsOfSeveralFieldsKeepTheirOrder) {
  static constexpr std::string_view yes_no[] = {"yes", "no"};
  Metrics metrics;
  metrics.declare({"m_total",
                   "M.",
                   MetricKind::Type::counter,
                   {{"listener", listener_names}, {"tls", yes_no}}});
  metrics.cell("m_total", {"submission", "no"}).add(3);
  EXPECT_THAT(metrics.text(), HasSubstr("m_total{listener=\"submission\",tls=\"no\"} 3\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("m_total{listener=\"smtp\",tls=\"yes\"} 0\n"));
}

// A log that is not read must not stop the server.
TEST(Writer, APipeThatIsNotReadLosesLinesAndBlocksNobody) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto write = write_to(ends[1]);
  const auto before = dropped_lines();
  const std::string line = std::string(99, 'x') + "\n";
  for (int i = 0; i < 5000; ++i) write(line);  // half a megabyte into 64 KiB
  const auto lost = dropped_lines() - before;
  EXPECT_GT(lost, 1000U);
  const auto read_lines = [&](std::uint64_t lines) {
    std::string got(lines * line.size(), '\0');
    for (std::size_t at = 0; at < got.size();) {
      const auto n = ::read(ends[0], got.data() + at, got.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    return got;
  };
  const auto kept = read_lines(5000 - lost);
  for (std::size_t at = 0; at < kept.size(); at += line.size())
    ASSERT_EQ(kept.compare(at, line.size(), line), 0) << "no line is cut";
  write(line);
  EXPECT_EQ(read_lines(1), line) << "and it continues once the pipe is read";
  EXPECT_EQ(dropped_lines() - before, lost);
  ::close(ends[0]);
  ::close(ends[1]);
}

// A descriptor number that the limit no longer allows makes dup3 fail, and nothing else.
TEST(LogFile, AReopenThatFailsIsReportedAndTheOldFileStaysInUse) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("postroad-log-test-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto path = (folder / "log").string();
  std::vector<int> low;
  for (int i = 0; i < 3; ++i) low.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto log = LogFile::open(path).value();
  for (const int descriptor : low) ::close(descriptor);
  std::filesystem::rename(path, path + ".old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(log->descriptor());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const auto reopened = log->reopen();
  const int free_again = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(free_again, low.front()) << "a descriptor leaked";
  ::close(free_again);
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().fault, Fault::io);
  write_to(log->descriptor())("still here\n");
  std::string line;
  std::getline(std::ifstream(path + ".old"), line);
  EXPECT_EQ(line, "still here");
  EXPECT_TRUE(log->reopen());
  log.reset();
  std::filesystem::remove_all(folder);
}

TEST(Reference, HasASectionForEachKind) {
  const auto page = reference(kinds);
  EXPECT_THAT(page, HasSubstr("## `session.opened`\n\nA client connected. Level: info."));
  EXPECT_THAT(page, HasSubstr("| `listener` |  | which port took it; label: smtp, submission |\n"));
  EXPECT_THAT(page, HasSubstr("| `bytes` | bytes | how much |\n"));
}

}  // namespace
}  // namespace postroad::observe
