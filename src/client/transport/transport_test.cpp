// The transports without SMTP: the sendmail command, which is a shell script here, and what all of
// them refuse. A folder and memory: folder_transport_test.cpp.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <postroad/transport.hpp>
#include <thread>

#include "client/transport/transport_fixture.hpp"

namespace postroad {
namespace {

constexpr const char* note_all = R"(printf '%s\n' "$@" >$here/words; cat >$here/mail)";

TEST_F(TransportTest, TheCommandGetsAddressesAsArgumentsAndTheMessageAsInput) {
  envelope_.recipients = {
      {"a b", "y.example"}, {"$(id)", "y.example"}, {"grüße", "bücher.example"}};
  SendmailTransport transport({command(note_all), "-oem"});
  Chunks source({"Subject: x\r\n\r", "\n.\r\nlone \rCR", "\r\n"});
  const auto report = transport.send(envelope_, source);
  ASSERT_TRUE(report) << report.error();
  EXPECT_TRUE(report->all_accepted());
  EXPECT_EQ(read("words"),
            "-oem\n-i\n-f\na@x.example\n--\n\"a b\"@y.example\n\"$(id)\"@y.example\n"
            "grüße@bücher.example\n");
  EXPECT_EQ(read("mail"), "Subject: x\n\n.\nlone \rCR\n");
}

TEST_F(TransportTest, LineEndsComeOutTheSameInEveryChunking) {
  const std::string text = "a\r\nb\r\r\n\rc\r\n\r\nd\r";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> chunks;
    for (std::size_t at = 0; at < text.size(); at += size) chunks.push_back(text.substr(at, size));
    ASSERT_TRUE(hand_over(note_all, chunks));
    EXPECT_EQ(read("mail"), "a\nb\r\n\rc\n\nd\r") << size;
  }
}

TEST_F(TransportTest, ABounceHasTheNullSender) {
  envelope_.reverse_path = {};
  ASSERT_TRUE(hand_over(note_all));
  EXPECT_TRUE(read("words").starts_with("-i\n-f\n<>\n--\n"));
}

TEST_F(TransportTest, ExitCodesAreOutcomes) {
  const struct {
    int code;
    Outcome outcome;
  } table[] = {{0, Outcome::accepted},  {75, Outcome::deferred}, {71, Outcome::deferred},
               {74, Outcome::deferred}, {1, Outcome::refused},   {64, Outcome::refused},
               {67, Outcome::refused},  {69, Outcome::refused},  {127, Outcome::refused}};
  for (const auto& row : table) {
    const auto report = hand_over("cat >/dev/null; exit " + std::to_string(row.code));
    ASSERT_TRUE(report) << report.error();
    ASSERT_EQ(report->recipients.size(), 2U);
    for (const auto& one : report->recipients) EXPECT_EQ(one.outcome, row.outcome) << row.code;
    if (row.code != 0) {
      const auto& words = report->recipients[0].reply.text;
      EXPECT_TRUE(words.ends_with("ended with " + std::to_string(row.code))) << words;
    }
  }
}

// The command may have passed the message on before it was killed.
TEST_F(TransportTest, ACommandThatIsKilledLeavesItUnknown) {
  const auto report = hand_over("cat >/dev/null; kill -9 $$");
  ASSERT_TRUE(report) << report.error();
  for (const auto& one : report->recipients) EXPECT_EQ(one.outcome, Outcome::unknown);
  EXPECT_NE(report->recipients[0].reply.text.find("signal 9"), std::string::npos);
}

TEST_F(TransportTest, WithoutTheExitCodeNothingCountsAsAccepted) {
  struct sigaction ignore = {}, before = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  const auto report = hand_over("cat >/dev/null; exit 69");
  ::sigaction(SIGCHLD, &before, nullptr);
  ASSERT_TRUE(report) << report.error();
  for (const auto& one : report->recipients) EXPECT_EQ(one.outcome, Outcome::unknown);
}

TEST_F(TransportTest, ACommandThatCannotBeStartedIsAnErrorAndNamesIt) {
  std::ofstream(path("no-program")) << "text";
  for (const auto& program : {path("missing"), path("no-program"), folder_}) {
    SendmailTransport transport({program});
    Chunks source({"hi"});
    const auto report = transport.send(envelope_, source);
    ASSERT_FALSE(report) << program;
    EXPECT_EQ(report.error().fault, Fault::not_found);
    EXPECT_EQ(report.error().where, program);
  }
  Chunks source({"hi"});
  EXPECT_EQ(SendmailTransport(std::vector<std::string>()).send(envelope_, source).error().fault,
            Fault::input);
}

// More data than a socket buffers, so that the writer finds the closed end: no signal, and the exit
// code decides.
TEST_F(TransportTest, ACommandThatReadsNothingTellsByItsExitCode) {
  const std::vector<std::string> much(64, std::string(65536, 'x'));
  auto report = hand_over("exec 0<&-; exit 67", much);
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::refused);
  report = hand_over("head -c 10 >/dev/null; exit 75", much);
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->recipients[0].outcome, Outcome::deferred);
}

TEST_F(TransportTest, ALargeMessageArrivesWhole) {
  ASSERT_TRUE(hand_over(note_all, std::vector<std::string>(320, std::string(65534, 'x') + "\r\n")));
  EXPECT_EQ(fs::file_size(path("mail")), 320U * 65535);
}

TEST_F(TransportTest, ManyThreadsAtOnce) {
  SendmailTransport transport({command("cat >$here/mail-$$; exit 0")});
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Chunks source({std::string(200'000, static_cast<char>('a' + i))});
      const auto report = transport.send(envelope_, source);
      EXPECT_TRUE(report && report->all_accepted());
    });
  }
  for (auto& thread : threads) thread.join();
  std::size_t whole = 0;
  for (const auto& entry : fs::directory_iterator(folder_))
    whole += entry.path().filename().string().starts_with("mail-") && entry.file_size() == 200'000;
  EXPECT_EQ(whole, 8U);
}

TEST_F(TransportTest, NobodyToSendToIsAnError) {
  envelope_.recipients.clear();
  const auto report = hand_over(note_all);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().fault, Fault::input);
}

class Row23 : public TransportTest {};

TEST_F(Row23, ARecipientThatBeginsWithAHyphenIsNoFlag) {
  envelope_.recipients = {{"-bs", "y.example"}, {"-oQ/tmp", "y.example"}, {"--", "y.example"}};
  ASSERT_TRUE(hand_over(note_all));
  EXPECT_EQ(read("words"),
            "-i\n-f\na@x.example\n--\n-bs@y.example\n-oQ/tmp@y.example\n--@y.example\n");
}

TEST_F(Row23, ASenderThatBeginsWithAHyphenIsRefusedBeforeAnythingRuns) {
  for (const auto* local : {"-X/tmp/log", "-bs", "-"}) {
    envelope_.reverse_path = {local, "x.example"};
    const auto report = hand_over(note_all);
    ASSERT_FALSE(report) << local;
    EXPECT_EQ(report.error().fault, Fault::input);
  }
  EXPECT_FALSE(fs::exists(path("words")));
  // Quoted, it is not a flag.
  envelope_.reverse_path = {"-a b", "x.example"};
  ASSERT_TRUE(hand_over(note_all));
  EXPECT_TRUE(read("words").starts_with("-i\n-f\n\"-a b\"@x.example\n--\n"));
}

class Row4 : public TransportTest {};

TEST_F(Row4, ALineEndInAnAddressReachesNoCommandAndNoFile) {
  for (const auto& evil :
       {std::string("b\r\nBcc: e@y.example"), std::string("b\n"), std::string("b\0c", 3)}) {
    for (const bool is_sender : {true, false}) {
      envelope_ = {{"a", "x.example"}, {{"b", "y.example"}}};
      (is_sender ? envelope_.reverse_path : envelope_.recipients[0]).local = evil;
      const auto report = hand_over(note_all);
      ASSERT_FALSE(report);
      EXPECT_EQ(report.error().fault, Fault::input);
      Chunks source({"hi"});
      EXPECT_FALSE(FileTransport(path("box")).send(envelope_, source));
    }
  }
  EXPECT_FALSE(fs::exists(path("words")));
  EXPECT_TRUE(left().empty());
}

class Row30 : public TransportTest {};

TEST_F(Row30, HalfAMessageIsNeverTakenForAWholeOne) {
  // Every running process holds it open for writing: reading ends when all have ended.
  ASSERT_EQ(::mkfifo(path("running").c_str(), 0600), 0);
  const int running = ::open(path("running").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  for (const std::string lines :
       {"cat >$here/part && mv $here/part $here/whole",
        // a wrapper around the real command
        "sh -c \"cat >$here/part && mv $here/part $here/whole\"",
        "setsid sh -c \"cat >$here/part && mv $here/part $here/whole\"; exit 0"}) {
    const auto report = hand_over("exec 9>$here/running\n" + lines,
                                  {"half of it\r\n", std::string(300'000, 'x')}, true);
    ASSERT_FALSE(report) << lines;
    EXPECT_EQ(report.error().where, "attachment");
    char byte = 0;
    while (::read(running, &byte, 1) < 0) {
      pollfd wait{running, POLLIN, 0};
      ASSERT_EQ(::poll(&wait, 1, 20'000), 1);
    }
    EXPECT_FALSE(fs::exists(path("whole"))) << lines;
  }
  ::close(running);
}

TEST_F(Row30, ASourceThatBreaksLeavesNoFileAndNothingInMemory) {
  FileTransport file(path("box"));
  MemoryTransport memory;
  for (const auto& chunks : std::vector<std::vector<std::string>>{{}, {"half of it\r\n"}}) {
    Chunks one(chunks, true), other(chunks, true);
    const auto in_file = file.send(envelope_, one);
    ASSERT_FALSE(in_file);
    EXPECT_EQ(in_file.error().where, "attachment");
    EXPECT_FALSE(memory.send(envelope_, other));
  }
  EXPECT_TRUE(left().empty());
  EXPECT_TRUE(memory.sent().empty());
}

TEST_F(Row30, AnAttachmentThatIsGoneSendsNothing) {
  std::ofstream(path("report.txt")) << "text";
  const auto message =
      Message{}.from("a@x.example").to("b@y.example").text("see").attach(path("report.txt"));
  fs::remove(path("report.txt"));
  MemoryTransport memory;
  FileTransport file(path("box"));
  SendmailTransport command_transport({command(note_all)});
  for (Transport* transport : std::initializer_list<Transport*>{&memory, &file, &command_transport})
    EXPECT_FALSE(transport->send(message));
  EXPECT_TRUE(memory.sent().empty());
  EXPECT_TRUE(left().empty());
  EXPECT_FALSE(fs::exists(path("mail")));
}

TEST_F(TransportTest, AMessageThatCannotBeSentRunsNothing) {
  SendmailTransport transport({command(note_all)});
  for (const auto& message :
       {Message{}.from("a@x.example").text("hi"), Message{}.to("b@y.example").text("hi"),
        Message{}.from("a@x.example").to("b@@y.example").text("hi")}) {
    const auto report = transport.send(message);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, Fault::input);
  }
  EXPECT_FALSE(fs::exists(path("words")));
}

class Row22 : public TransportTest {};

TEST_F(Row22, BccIsAnArgumentOfTheCommandAndNotInTheMessage) {
  SendmailTransport transport({command(note_all)});
  const auto report = transport.send(
      Message{}.from("a@x.example").to("b@y.example").bcc("hidden@z.example").text("hi"));
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(read("words"), "-i\n-f\na@x.example\n--\nb@y.example\nhidden@z.example\n");
  EXPECT_EQ(read("mail").find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace postroad
