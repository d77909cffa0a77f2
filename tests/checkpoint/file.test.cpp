// SPDX-License-Identifier: MIT
#include <sys/wait.h>
#include <csignal>
#include <selfpred/checkpoint/file.hpp>
#include <thread>

#include "checkpoint/folder.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;

namespace {

std::span<std::byte const> bytes(std::string const& s) { return std::as_bytes(std::span(s)); }

// The system, with one call that does not do what it should, and a record of them all.
struct faulty {
  struct record {
    std::string calls;
    int next = 0, bad = -1;
    enum { fails, is_short, interrupts, dies } how = fails;
  };
  record* r;
  sp::posix_calls real = {};

  template <class F>
  auto call(char const* name, F real_call) -> decltype(real_call()) {
    r->calls += std::string(r->calls.empty() ? "" : " ") + name;
    if (r->next++ == r->bad) {
      if (r->how == record::dies) ::_exit(9);
      errno = r->how == record::interrupts ? EINTR : ENOSPC;
      return -1;
    }
    return real_call();
  }
  int open(char const* p, int flags, mode_t m) {
    return call("open", [&] { return real.open(p, flags, m); });
  }
  int lock(int fd) {
    return call("lock", [&] { return real.lock(fd); });
  }
  int truncate(int fd) {
    return call("truncate", [&] { return real.truncate(fd); });
  }
  ssize_t write(int fd, void const* p, std::size_t n) {
    if (r->how == record::is_short && r->next == r->bad) return ++r->next, real.write(fd, p, n / 2);
    return call("write", [&] { return real.write(fd, p, n); });
  }
  int sync(int fd) {
    return call("sync", [&] { return real.sync(fd); });
  }
  int rename(char const* from, char const* to) {
    return call("rename", [&] { return real.rename(from, to); });
  }
  int unlink(char const* p) {
    return call("unlink", [&] { return real.unlink(p); });
  }
  int close(int fd) {
    int const result = real.close(fd);
    return call("close", [&] { return result; });
  }
};

void replace(std::filesystem::path const& path, std::string const& text, faulty::record& r) {
  sp::atomic_file<faulty> file(path, faulty{&r});
  file.write(bytes(text.substr(0, text.size() / 2)));
  file.write(bytes(text.substr(text.size() / 2)));
  file.commit();
}

}  // namespace

TEST_CASE("atomic_file: the file is synced before it is renamed, and the folder after", "[checkpoint]") {
  folder const at;
  faulty::record r;
  replace(at / "x", "new", r);
  CHECK(content(at / "x") == "new");
  CHECK(r.calls == "open lock truncate write write sync rename close open sync close");
  CHECK(at.files() == 1);
}

TEST_CASE("atomic_file: whichever call fails, the old file or the new one is there, whole", "[checkpoint]") {
  int const last = 10;
  for (int bad = 0; bad <= last; ++bad) {
    folder const at;
    write_content(at / "x", "old");
    faulty::record r{{}, 0, bad, faulty::record::fails};
    bool const renamed = bad > 6, needed = bad != 1 && bad != 7 && bad != 10;  // no locks here; a close after the sync
    INFO("call " << bad << " fails");
    if (needed)
      CHECK_THROWS_AS(replace(at / "x", "new", r), sp::file_error);
    else
      replace(at / "x", "new", r);
    CHECK(content(at / "x") == (renamed || !needed ? "new" : "old"));
    CHECK(at.files() == 1);  // and no temporary file
  }
}

TEST_CASE("atomic_file: short and interrupted writes go on", "[checkpoint]") {
  for (auto how : {faulty::record::is_short, faulty::record::interrupts})
    for (int bad : {3, 4}) {
      folder const at;
      faulty::record r{{}, 0, bad, {}};
      r.how = how;
      replace(at / "x", "something longer", r);
      CHECK(content(at / "x") == "something longer");
    }
}

TEST_CASE("atomic_file: a writer that dies at any call leaves the old file or the new one, whole", "[checkpoint]") {
  for (int bad = 0; bad <= 11; ++bad) {
    folder const at;
    write_content(at / "x", "old");
    pid_t const child = ::fork();
    if (child == 0) {
      faulty::record r{{}, 0, bad, faulty::record::dies};
      replace(at / "x", "new", r);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO("dies in call " << bad);
    CHECK(WEXITSTATUS(status) == (bad <= 10 ? 9 : 0));
    CHECK(content(at / "x") == (bad <= 6 ? "old" : "new"));
    CHECK(at.files() <= 2);
    faulty::record r;
    replace(at / "x", "newer", r);  // the next writer takes over what is left
    CHECK(content(at / "x") == "newer");
    CHECK(at.files() == 1);
  }
}

TEST_CASE("atomic_file: a writer killed at a random time leaves one whole file", "[checkpoint]") {
  folder const at;
  std::size_t const size = 1 << 20;
  write_content(at / "x", std::string(size, 'a'));
  unsigned seed = 1;
  int killed_at_work = 0;
  for (int i = 0; i < 60; ++i) {
    int started[2];
    REQUIRE(::pipe(started) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
      if (::write(started[1], "x", 1) != 1) ::_exit(1);
      for (char c = 'b';; c = c == 'z' ? 'b' : static_cast<char>(c + 1)) {
        sp::atomic_file file(at / "x");
        for (int k = 0; k < 16; ++k) file.write(bytes(std::string(size / 16, c)));
        file.commit();
      }
    }
    char x;
    REQUIRE(::read(started[0], &x, 1) == 1);
    ::close(started[0]), ::close(started[1]);
    seed = seed * 1664525u + 1013904223u;
    std::this_thread::sleep_for(std::chrono::microseconds(seed >> 18));  // up to 16 ms
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::string const now = content(at / "x");
    REQUIRE(now.size() == size);
    REQUIRE(now == std::string(size, now[0]));
    REQUIRE(at.files() <= 2);
    killed_at_work += at.files() == 2;
  }
  CHECK(killed_at_work > 5);  // else this test looks at nothing
}

TEST_CASE("atomic_file: two writers, links, permissions, names that are none", "[checkpoint]") {
  folder const at;
  {
    sp::atomic_file first(at / "x");
    CHECK_THROWS_WITH(sp::atomic_file(at / "x"), ContainsSubstring("x.tmp: another writer is at work"));
    first.write(bytes("first"));
    first.commit();
    CHECK_THROWS_AS(first.commit(), sp::state_error);
  }
  CHECK(content(at / "x") == "first");
  std::filesystem::create_symlink("x", at / "latest");
  std::filesystem::permissions(at / "x", std::filesystem::perms(0640));
  sp::atomic_file through(at / "latest");
  through.write(bytes("second"));
  through.commit();
  CHECK(std::filesystem::is_symlink(at / "latest"));
  CHECK(content(at / "x") == "second");
  CHECK(std::filesystem::status(at / "x").permissions() == std::filesystem::perms(0640));
  { sp::atomic_file given_up(at / "y"); }
  CHECK(at.files() == 2);
  CHECK_THROWS_WITH(sp::atomic_file(at / "none" / "x"),
                    ContainsSubstring("none/x.tmp: cannot create this file: No such"));
  CHECK_THROWS_AS(sp::atomic_file(""), sp::file_error);
}

TEST_CASE("input_file: what cannot be read says why", "[checkpoint]") {
  folder const at;
  CHECK_THROWS_WITH(sp::input_file(at / "none"), ContainsSubstring("none: cannot open this file: No such file"));
  CHECK_THROWS_AS(sp::input_file(at.path), sp::file_error);
  write_content(at / "x", "0123456789");
  sp::input_file const file(at / "x");
  CHECK(file.size() == 10);
  std::string got(4, ' ');
  file.read(3, std::as_writable_bytes(std::span(got)));
  CHECK(got == "3456");
  write_content(at / "x", "01");
  CHECK_THROWS_WITH(file.read(0, std::as_writable_bytes(std::span(got))), ContainsSubstring("became shorter"));
}
