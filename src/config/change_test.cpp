// The reload rule: the first fixed option that differs is named.
#include "config/change.hpp"

#include <gtest/gtest.h>

namespace postroad::config {
namespace {

struct Inner {
  std::string folder = "a";
  int level = 1;
};
struct Row {
  int port = 25;
};
struct Outer {
  int free = 0;
  Inner inner;
  std::vector<Row> rows;
};

Section<Outer> declare() {
  Section<Inner> inner;
  inner.option("folder", &Inner::folder, "A folder.").fixed();
  inner.option("level", &Inner::level, "A level.");
  Section<Row> row;
  row.option("port", &Row::port, "A port.");
  Section<Outer> s;
  s.option("free", &Outer::free, "A number.");
  s.table("inner", &Outer::inner, "Inner.", inner);
  s.tables("row", &Outer::rows, "Rows.", row);
  return s;
}

TEST(FixedChange, NamesTheOption) {
  const auto section = declare();
  const Outer was;
  Outer is;
  is.free = 1;
  is.inner.level = 2;
  is.rows.emplace_back();
  EXPECT_EQ(fixed_change(section, was, is), "");
  is.inner.folder = "b";
  EXPECT_EQ(fixed_change(section, was, is), "inner.folder");
}

}  // namespace
}  // namespace postroad::config
