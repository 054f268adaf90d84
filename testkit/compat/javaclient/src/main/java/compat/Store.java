package compat;

import com.alibaba.fastjson2.JSON;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Fills a broker with messages and, after another broker has opened the store, checks that all of it can be read.
 *
 * <p>Arguments: {@code fill|check|check-after-kill NAMESRV BROKER BROKER_NAME MANIFEST}. The manifest says where each
 * message went.
 */
public final class Store implements AutoCloseable {
    private static final int MESSAGES = 10_000;
    private static final int TOPICS = 5; // messages of the last one are sent in batches
    private static final int QUEUES = 4;
    private static final int BATCH = 10;
    private static final int THREADS = 8;
    private static final String GROUP = "interchange-group";

    /** Where message number went. The message itself follows from the number. */
    record Entry(int number, String topic, int queue, long offset, String msgId, String offsetMsgId) {
    }

    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    private final String broker;
    private final String brokerName;
    private final DefaultMQProducer producer = new DefaultMQProducer("interchange");
    private final DefaultMQAdminExt admin = new DefaultMQAdminExt(Case.API_TIMEOUT);

    private Store(String nameServer, String broker, String brokerName) throws Exception {
        this.broker = broker;
        this.brokerName = brokerName;
        producer.setNamesrvAddr(nameServer);
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.setMqClientApiTimeout(Case.API_TIMEOUT);
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();
        admin.setNamesrvAddr(nameServer);
        admin.setMqClientApiTimeout(Case.API_TIMEOUT);
        admin.start();
    }

    public static void main(String[] args) throws Exception {
        int status = 0;
        try (var store = new Store(args[1], args[2], args[3])) {
            Path manifest = Path.of(args[4]);
            switch (args[0]) {
                case "fill" -> Files.write(manifest, store.fill().stream().map(JSON::toJSONString).toList());
                case "check" -> store.check(read(manifest), 0);
                // Recovery visits some messages again. Apache's does not index those twice that come before the end of the
                // index, but the one that is the end. (IndexService.buildIndex)
                case "check-after-kill" -> store.check(read(manifest), 1);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        } catch (Throwable e) {
            e.printStackTrace();
            status = 1;
        }
        Runtime.getRuntime().halt(status);
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }

    private static List<Entry> read(Path manifest) throws Exception {
        return Files.readAllLines(manifest).stream().map(line -> JSON.parseObject(line, Entry.class)).toList();
    }

    private static String topic(int number) {
        return "interchange-" + number % TOPICS;
    }

    private static Message message(int number) {
        byte[] body = new byte[100 + number * 7919 % 12_000];
        new Random(number).nextBytes(body);
        var message = new Message(topic(number), "tag" + number % 3, "key-" + number + " мы-" + number % 100, body);
        message.putUserProperty("number", "" + number);
        message.putUserProperty("größe", body.length + " 字节");
        message.setFlag(number);
        return message;
    }

    private MessageQueue queue(int number) {
        return new MessageQueue(topic(number), brokerName, number / (TOPICS * BATCH) % QUEUES);
    }

    private List<Entry> fill() throws Exception {
        for (int topic = 0; topic < TOPICS; topic++) {
            String name = topic(topic);
            admin.createAndUpdateTopicConfig(broker, new TopicConfig(name, QUEUES, QUEUES));
            Case.eventually("route of " + name, () -> routeOf(name) == QUEUES);
        }
        var entries = new ConcurrentLinkedQueue<Entry>();
        List<Callable<Void>> work = new ArrayList<>();
        // A unit of work is BATCH rounds over the topics; all its messages go to queues of one number.
        for (int begin = 0; begin < MESSAGES; begin += TOPICS * BATCH) {
            int first = begin;
            work.add(() -> {
                List<Message> batch = new ArrayList<>();
                for (int number = first; number < first + TOPICS * BATCH; number++) {
                    if (number % TOPICS == TOPICS - 1) {
                        batch.add(message(number));
                    } else {
                        record(entries, List.of(number), send(List.of(message(number)), queue(number)));
                    }
                }
                List<Integer> numbers = new ArrayList<>();
                batch.forEach(m -> numbers.add(m.getFlag()));
                record(entries, numbers, send(batch, queue(numbers.get(0))));
                return null;
            });
        }
        all(work);
        var group = new SubscriptionGroupConfig();
        group.setGroupName(GROUP);
        group.setRetryMaxTimes(7);
        admin.createAndUpdateSubscriptionGroupConfig(broker, group);
        for (int queue = 0; queue < QUEUES; queue++) {
            admin.updateConsumeOffset(broker, GROUP, new MessageQueue(topic(0), brokerName, queue), 100 + queue);
        }
        return entries.stream().sorted(Comparator.comparingInt(Entry::number)).toList();
    }

    private int routeOf(String topic) throws Exception {
        try {
            return admin.examineTopicRouteInfo(topic).getQueueDatas().get(0).getWriteQueueNums();
        } catch (MQClientException e) {
            return 0;
        }
    }

    private SendResult send(List<Message> messages, MessageQueue queue) throws Exception {
        SendResult result = messages.size() == 1 ? producer.send(messages.get(0), queue) : producer.send(messages, queue);
        require(result.getSendStatus() == SendStatus.SEND_OK, "send: %s", result);
        return result;
    }

    private static void record(ConcurrentLinkedQueue<Entry> entries, List<Integer> numbers, SendResult result) {
        String[] ids = result.getMsgId().split(",");
        String[] offsetIds = result.getOffsetMsgId().split(",");
        for (int i = 0; i < numbers.size(); i++) {
            entries.add(new Entry(numbers.get(i), topic(numbers.get(i)), result.getMessageQueue().getQueueId(),
                result.getQueueOffset() + i, ids[i], offsetIds[i]));
        }
    }

    /** Checks everything; that many messages may be found twice by their key. */
    private void check(List<Entry> entries, int indexedTwice) throws Exception {
        require(entries.size() == MESSAGES, "%d entries in the manifest", entries.size());
        Map<MessageQueue, TreeMap<Long, Entry>> queues = new HashMap<>();
        for (Entry entry : entries) {
            queues.computeIfAbsent(new MessageQueue(entry.topic(), brokerName, entry.queue()), q -> new TreeMap<>())
                .put(entry.offset(), entry);
        }
        require(queues.size() == TOPICS * QUEUES, "%d queues", queues.size());
        for (int topic = 0; topic < TOPICS; topic++) {
            String name = topic(topic);
            Case.eventually("route of " + name, () -> routeOf(name) == QUEUES);
        }
        var puller = new DefaultMQPullConsumer("interchange-reader");
        puller.setNamesrvAddr(producer.getNamesrvAddr());
        puller.setMqClientApiTimeout(Case.API_TIMEOUT);
        puller.start();
        Map<Integer, MessageExt> read = checkOffsets(puller, queues);
        checkTimes(puller, queues, read);
        int twice = checkKeysAndIds(entries, read);
        require(twice <= indexedTwice, "%d messages are found twice by their key", twice);
        checkConfiguration(puller);
        checkAppending(puller, queues);
        System.out.printf("%d messages of %d queues are as they were written%n", read.size(), queues.size());
    }

    /** Reads every queue from end to end and returns the messages by number. */
    private Map<Integer, MessageExt> checkOffsets(DefaultMQPullConsumer puller, Map<MessageQueue, TreeMap<Long, Entry>> queues) throws Exception {
        Map<Integer, MessageExt> read = new HashMap<>();
        for (var each : queues.entrySet()) {
            MessageQueue queue = each.getKey();
            int count = each.getValue().size();
            require(each.getValue().lastKey() == count - 1, "%s: offsets are not 0 to %d", queue, count - 1);
            require(puller.minOffset(queue) == 0, "%s: minOffset %d", queue, puller.minOffset(queue));
            // The last messages may still be on their way from the log to the queue.
            Case.eventually("end of " + queue, () -> puller.maxOffset(queue) == count);
            for (long offset = 0; offset < count; ) {
                PullResult result = puller.pull(queue, "*", offset, 32);
                require(result.getPullStatus() == PullStatus.FOUND, "%s at %d: %s", queue, offset, result);
                for (MessageExt message : result.getMsgFoundList()) {
                    require(message.getQueueOffset() == offset, "%s: offset %d after %d", queue, message.getQueueOffset(), offset - 1);
                    Entry entry = each.getValue().get(offset++);
                    same(entry, message);
                    read.put(entry.number(), message);
                }
            }
        }
        require(read.size() == MESSAGES, "%d messages read", read.size());
        return read;
    }

    private static void same(Entry entry, MessageExt message) {
        Message want = message(entry.number());
        require(Arrays.equals(want.getBody(), message.getBody()), "body of %s", entry);
        require(want.getTopic().equals(message.getTopic()), "topic of %s", entry);
        require(want.getTags().equals(message.getTags()) && want.getKeys().equals(message.getKeys()), "tags and keys of %s", entry);
        require(want.getFlag() == message.getFlag(), "flag of %s", entry);
        require(("" + entry.number()).equals(message.getUserProperty("number")), "property of %s", entry);
        require(want.getUserProperty("größe").equals(message.getUserProperty("größe")), "property of %s", entry);
        require(entry.msgId().equals(message.getMsgId()), "id of %s: %s", entry, message.getMsgId());
        require(entry.offsetMsgId().equals(((MessageClientExt) message).getOffsetMsgId()), "offset id of %s", entry);
    }

    /** Looks every message up by the time it was stored at. */
    private void checkTimes(DefaultMQPullConsumer puller, Map<MessageQueue, TreeMap<Long, Entry>> queues, Map<Integer, MessageExt> read) throws Exception {
        List<Callable<Void>> work = new ArrayList<>();
        queues.forEach((queue, entries) -> work.add(() -> {
            long first = 0; // offset of the first message stored in the same millisecond
            long before = Long.MIN_VALUE;
            for (Entry entry : entries.values()) {
                long time = read.get(entry.number()).getStoreTimestamp();
                require(time >= before, "time goes back at %s", entry);
                if (time > before) {
                    first = entry.offset();
                }
                before = time;
                long found = puller.searchOffset(queue, time);
                require(found == first, "%s at %d ms: offset %d instead of %d", queue, time, found, first);
            }
            require(puller.searchOffset(queue, before + 1) == entries.size(), "%s after its last message", queue);
            return null;
        }));
        all(work);
    }

    /** Looks every message up by its key, and every tenth by both of its ids. Returns how many were found twice by key. */
    private int checkKeysAndIds(List<Entry> entries, Map<Integer, MessageExt> read) throws Exception {
        long from = read.values().stream().mapToLong(MessageExt::getStoreTimestamp).min().orElseThrow() - 1000;
        long to = read.values().stream().mapToLong(MessageExt::getStoreTimestamp).max().orElseThrow() + 1000;
        // The end of the log is indexed last.
        Entry last = entries.stream().max(Comparator.comparing(e -> read.get(e.number()).getCommitLogOffset())).orElseThrow();
        Case.eventually("index of the last message", () -> !byKey(last, from, to).isEmpty());
        var twice = new AtomicInteger();
        List<Callable<Void>> work = new ArrayList<>();
        for (Entry entry : entries) {
            work.add(() -> {
                List<MessageExt> found = byKey(entry, from, to);
                require(found.size() == 1 || found.size() == 2, "%d messages by the key of %s", found.size(), entry);
                found.forEach(message -> same(entry, message));
                twice.addAndGet(found.size() - 1);
                if (entry.number() % 10 == 0) {
                    same(entry, producer.viewMessage(entry.topic(), entry.offsetMsgId()));
                    same(entry, producer.viewMessage(entry.topic(), entry.msgId()));
                    long time = read.get(entry.number()).getStoreTimestamp();
                    require(byKey(entry, time - 1000, time + 1000).size() == found.size(), "%s by key and its second", entry);
                }
                return null;
            });
        }
        all(work);
        return twice.get();
    }

    /** A broker that recovers indexes its last record again, and Apache's then answers with it twice: same place, same message. */
    private List<MessageExt> byKey(Entry entry, long from, long to) throws Exception {
        try {
            var places = new java.util.HashSet<Long>();
            return producer.queryMessage(entry.topic(), "key-" + entry.number(), 8, from, to).getMessageList().stream()
                .filter(found -> places.add(found.getCommitLogOffset())).toList();
        } catch (MQClientException e) {
            require(e.getResponseCode() == ResponseCode.NO_MESSAGE, "%s: %s", entry, e);
            return List.of();
        }
    }

    private void checkConfiguration(DefaultMQPullConsumer puller) throws Exception {
        var reader = new DefaultMQPullConsumer(GROUP);
        reader.setNamesrvAddr(puller.getNamesrvAddr());
        reader.setMqClientApiTimeout(Case.API_TIMEOUT);
        reader.start();
        for (int queue = 0; queue < QUEUES; queue++) {
            long offset = reader.fetchConsumeOffset(new MessageQueue(topic(0), brokerName, queue), true);
            require(offset == 100 + queue, "consumer offset of queue %d is %d", queue, offset);
        }
        int times = admin.examineSubscriptionGroupConfig(broker, GROUP).getRetryMaxTimes();
        require(times == 7, "retryMaxTimes is %d", times);
    }

    /** The store can be written on: queue offsets continue, and the new messages are read after the old. */
    private void checkAppending(DefaultMQPullConsumer puller, Map<MessageQueue, TreeMap<Long, Entry>> queues) throws Exception {
        for (var each : queues.entrySet()) {
            MessageQueue queue = each.getKey();
            int count = each.getValue().size();
            SendResult result = send(List.of(new Message(queue.getTopic(), Case.bytes("added later"))), queue);
            require(result.getQueueOffset() == count, "%s continues at %d instead of %d", queue, result.getQueueOffset(), count);
            PullResult pulled = puller.pullBlockIfNotFound(queue, "*", count - 1, 32);
            require(pulled.getPullStatus() == PullStatus.FOUND && pulled.getMsgFoundList().size() >= 1, "%s: %s", queue, pulled);
            same(each.getValue().get(count - 1L), pulled.getMsgFoundList().get(0));
            List<MessageExt> added = pulled.getMsgFoundList().size() > 1
                ? pulled.getMsgFoundList().subList(1, 2) : puller.pullBlockIfNotFound(queue, "*", count, 32).getMsgFoundList();
            require(Case.text(added.get(0)).equals("added later"), "%s: message added later", queue);
        }
    }

    private void all(List<Callable<Void>> work) throws Exception {
        for (Future<Void> done : threads.invokeAll(work)) {
            done.get();
        }
    }

    static void require(boolean holds, String otherwise, Object... details) {
        if (!holds) {
            throw new AssertionError(String.format(otherwise, details));
        }
    }
}
