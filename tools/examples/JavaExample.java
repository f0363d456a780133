// SPDX-License-Identifier: Apache-2.0
//
// fastskip in a program in Java: the memtable is chosen by its name among the
// properties of a column family.
//
//   java -Djava.library.path=<where librocksdbjni.so is> JavaExample \
//       <libfastskip.so> <directory>       (made, used and removed)
//
// librocksdbjni.so has to use librocksdb.so. Where RocksDB's Java library was
// built with the plugin in it, System.load() falls away.

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;

public class JavaExample {
  public static void main(String[] args) throws RocksDBException {
    RocksDB.loadLibrary();
    System.load(args[0]);
    Properties properties = new Properties();
    properties.setProperty("memtable_factory", "fastskip:8");
    List<ColumnFamilyHandle> handles = new ArrayList<>();
    try (ColumnFamilyOptions family =
            ColumnFamilyOptions.getColumnFamilyOptionsFromProps(properties);
        DBOptions options = new DBOptions().setCreateIfMissing(true);
        RocksDB db = RocksDB.open(options, args[1],
            List.of(new ColumnFamilyDescriptor(
                RocksDB.DEFAULT_COLUMN_FAMILY, family)),
            handles)) {
      System.out.println("memtable: " + family.memTableFactoryName());
      db.put("key".getBytes(), "value".getBytes());
      System.out.println("key -> " + new String(db.get("key".getBytes())));
      handles.get(0).close();
    }
    try (Options options = new Options()) {
      RocksDB.destroyDB(args[1], options);
    }
  }
}
