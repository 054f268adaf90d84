package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.header.EndTransactionRequestHeader;
import org.junit.jupiter.api.Test;

/**
 * Transactions. The shared cluster asks after a second, each second, eight times at
 * most (transactionTimeOut, transactionCheckInterval, transactionCheckMax).
 */
class TransactionCases extends Case {
    private static final String DISCARDED = "TRANS_CHECK_MAX_TIME_TOPIC";

    /** A listener that decides by the body, and keeps what it was asked about. */
    private static final class Decider implements TransactionListener {
        final ConcurrentLinkedQueue<MessageExt> asked = new ConcurrentLinkedQueue<>();
        final ConcurrentLinkedQueue<Long> times = new ConcurrentLinkedQueue<>();
        final Function<String, LocalTransactionState> execute;
        final BiFunction<String, Integer, LocalTransactionState> check;

        /** @param check gets the body, and the number of times that this message was asked about */
        Decider(Function<String, LocalTransactionState> execute, BiFunction<String, Integer, LocalTransactionState> check) {
            this.execute = execute;
            this.check = check;
        }

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
            return execute.apply(text(message));
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            times.add(System.currentTimeMillis());
            asked.add(message);
            return check.apply(text(message), (int) asked.stream().filter(m -> text(m).equals(text(message))).count());
        }

        List<MessageExt> about(String body) {
            return asked.stream().filter(m -> text(m).equals(body)).toList();
        }
    }

    private TransactionMQProducer producer(Decider decider) throws Exception {
        return transactionProducer(unique("transactions"), decider);
    }

    @Test
    void transactionsCommittedAndRolledBack() throws Exception {
        String topic = topic("committed", 4);
        var inbox = reading(topic);
        var decider = new Decider(body -> body.startsWith("no") ? LocalTransactionState.ROLLBACK_MESSAGE : LocalTransactionState.COMMIT_MESSAGE,
            (body, times) -> LocalTransactionState.UNKNOW);
        var producer = producer(decider);
        List<String> expected = new ArrayList<>();
        Map<String, String> ids = new ConcurrentHashMap<>();
        for (int i = 0; i < 40; i++) {
            String body = (i % 2 == 0 ? "yes " : "no ") + i;
            var message = new Message(topic, "tag" + i, "key" + i, bytes(body));
            message.putUserProperty("number", "" + i);
            message.setFlag(i);
            var sent = producer.sendMessageInTransaction(message, null);
            assertEquals(SendStatus.SEND_OK, sent.getSendStatus());
            assertEquals(topic, sent.getMessageQueue().getTopic());
            assertEquals(sent.getMsgId(), sent.getTransactionId());
            if (i % 2 == 0) {
                expected.add(body);
                ids.put(body, sent.getMsgId());
            }
        }
        inbox.await(expected.size());
        Thread.sleep(4000); // what was rolled back, or asked about needlessly, would come by now
        assertEquals(expected.stream().sorted().toList(), inbox.sorted());
        assertEquals(List.of(), List.copyOf(decider.asked), "all is decided");
        for (MessageExt got : inbox.all()) {
            int number = Integer.parseInt(text(got).substring(4));
            assertEquals(ids.get(text(got)), got.getMsgId());
            assertEquals("tag" + number, got.getTags());
            assertEquals("key" + number, got.getKeys());
            assertEquals("" + number, got.getUserProperty("number"));
            assertEquals(number, got.getFlag());
            assertEquals(MessageSysFlag.TRANSACTION_COMMIT_TYPE, MessageSysFlag.getTransactionValue(got.getSysFlag()));
            assertEquals("true", got.getProperty(MessageConst.PROPERTY_TRANSACTION_PREPARED));
            assertEquals(producer.getProducerGroup(), got.getProperty(MessageConst.PROPERTY_PRODUCER_GROUP));
            assertEquals(got.getMsgId(), got.getProperty(MessageConst.PROPERTY_TRANSACTION_ID));
            assertNull(got.getProperty(MessageConst.PROPERTY_REAL_TOPIC));
            assertNull(got.getProperty(MessageConst.PROPERTY_REAL_QUEUE_ID));
            assertTrue(got.getPreparedTransactionOffset() < got.getCommitLogOffset(), "the half's");
            assertEquals(0, got.getReconsumeTimes());
        }
    }

    @Test
    void transactionUnknownThenChecked() throws Exception {
        String topic = topic("checked", 1);
        var inbox = reading(topic);
        var decider = new Decider(body -> LocalTransactionState.UNKNOW,
            (body, times) -> times == 1 ? LocalTransactionState.UNKNOW : LocalTransactionState.COMMIT_MESSAGE);
        var message = new Message(topic, "tag", "key", bytes("undecided"));
        message.putUserProperty("own", "значение");
        var sent = producer(decider).sendMessageInTransaction(message, null);
        inbox.await(1);
        MessageExt got = inbox.all().get(0);
        assertEquals("undecided", text(got));
        assertEquals(sent.getMsgId(), got.getMsgId());
        assertEquals("2", got.getProperty(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES));
        List<MessageExt> asked = decider.about("undecided");
        for (int i = 0; i < 2; i++) {
            MessageExt about = asked.get(i);
            assertEquals(topic, about.getTopic());
            assertEquals(0, about.getQueueId());
            assertEquals(sent.getTransactionId(), about.getTransactionId());
            assertEquals("" + (i + 1), about.getProperty(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES));
            assertEquals("значение", about.getUserProperty("own"));
            assertEquals("tag", about.getTags());
        }
        assertTrue(asked.get(0).getCommitLogOffset() < asked.get(1).getCommitLogOffset(), "each question is about a new half");
        assertTrue(asked.get(0).getQueueOffset() < asked.get(1).getQueueOffset());
        Thread.sleep(2500);
        assertEquals(2, decider.about("undecided").size(), "nobody asks again");
        assertEquals(1, inbox.all().size());
    }

    @Test
    void transactionUnknownThenRolledBack() throws Exception {
        String topic = topic("rolledBack", 1);
        var inbox = reading(topic);
        var decider = new Decider(body -> LocalTransactionState.UNKNOW, (body, times) -> LocalTransactionState.ROLLBACK_MESSAGE);
        producer(decider).sendMessageInTransaction(new Message(topic, bytes("undecided")), null);
        eventually("a question", () -> !decider.asked.isEmpty());
        Thread.sleep(3000);
        assertEquals(1, decider.asked.size());
        assertEquals(List.of(), inbox.all());
    }

    @Test
    void transactionThatNobodyDecides() throws Exception {
        String topic = topic("undecided", 1);
        var inbox = reading(topic);
        var decider = new Decider(body -> LocalTransactionState.UNKNOW, (body, times) -> LocalTransactionState.UNKNOW);
        String body = unique("never");
        producer(decider).sendMessageInTransaction(new Message(topic, bytes(body)), null);
        eventually("eight questions", () -> decider.asked.size() == 8);
        var puller = puller(unique("group"));
        awaitRoute(cluster, DISCARDED, 1);
        eventually("it is put away", () -> {
            for (long offset = 0; ; ) {
                var result = puller.pull(queue(DISCARDED, 0), "*", offset, 32);
                if (result.getPullStatus() != PullStatus.FOUND) {
                    return false;
                }
                for (MessageExt message : result.getMsgFoundList()) {
                    if (text(message).equals(body)) {
                        assertEquals("8", message.getProperty(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES));
                        assertEquals(topic, message.getProperty(MessageConst.PROPERTY_REAL_TOPIC));
                        return true;
                    }
                }
                offset = result.getNextBeginOffset();
            }
        });
        Thread.sleep(2000);
        assertEquals(8, decider.asked.size(), "nobody asks any more");
        assertEquals(List.of(), inbox.all());
    }

    @Test
    void transactionImmuneForFourSeconds() throws Exception {
        String topic = topic("immune", 1);
        var inbox = reading(topic);
        var decider = new Decider(body -> LocalTransactionState.UNKNOW, (body, times) -> LocalTransactionState.COMMIT_MESSAGE);
        var message = new Message(topic, bytes("immune"));
        message.putUserProperty(MessageConst.PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS, "4");
        long began = System.currentTimeMillis();
        producer(decider).sendMessageInTransaction(message, null);
        inbox.await(1);
        long waited = decider.times.peek() - began;
        assertTrue(waited >= 4000, "asked after " + waited + " ms");
        assertNotNull(inbox.all().get(0).getProperty(MessageConst.PROPERTY_TRANSACTION_PREPARED_QUEUE_OFFSET), "it was renewed meanwhile");
    }

    @Test
    void transactionsAreAskedOfAnyProducerOfTheGroup() throws Exception {
        String topic = topic("any", 1);
        var inbox = reading(topic);
        String group = unique("transactions");
        var first = new Decider(body -> LocalTransactionState.UNKNOW, (body, times) -> LocalTransactionState.UNKNOW);
        var producer = transactionProducer(group, first);
        producer.sendMessageInTransaction(new Message(topic, bytes("undecided")), null);
        producer.shutdown();
        var second = new Decider(body -> LocalTransactionState.ROLLBACK_MESSAGE, (body, times) -> LocalTransactionState.COMMIT_MESSAGE);
        transactionProducer(group, second).sendMessageInTransaction(new Message(topic, bytes("makes it known")), null);
        inbox.await(1);
        assertEquals(List.of("undecided"), inbox.bodies());
    }

    /** A half that a plain producer sends, so that the case may end it as it likes. */
    private SendResult half(DefaultMQProducer producer, String topic, String body, String immunity) throws Exception {
        var message = new Message(topic, bytes(body));
        MessageAccessor.putProperty(message, MessageConst.PROPERTY_TRANSACTION_PREPARED, "true");
        MessageAccessor.putProperty(message, MessageConst.PROPERTY_PRODUCER_GROUP, producer.getProducerGroup());
        if (immunity != null) {
            message.putUserProperty(MessageConst.PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS, immunity);
        }
        SendResult result = producer.send(message, queue(topic, 0));
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        return result;
    }

    private RemotingCommand end(DefaultMQProducer producer, SendResult half, int outcome, boolean asked, long tableShift, long logShift, String group) throws Exception {
        var header = new EndTransactionRequestHeader();
        header.setProducerGroup(group);
        header.setTranStateTableOffset(half.getQueueOffset() + tableShift);
        header.setCommitLogOffset(MessageDecoder.decodeMessageId(half.getOffsetMsgId()).getOffset() + logShift);
        header.setCommitOrRollback(outcome);
        header.setFromTransactionCheck(asked);
        header.setMsgId(half.getMsgId());
        var remoting = producer.getDefaultMQProducerImpl().getMqClientFactory().getMQClientAPIImpl().getRemotingClient();
        return remoting.invokeSync(cluster.broker(), RemotingCommand.createRequestCommand(RequestCode.END_TRANSACTION, header), 10_000);
    }

    @Test
    void endOfATransactionIsChecked() throws Exception {
        String topic = topic("ends", 1);
        var producer = producer();
        String group = producer.getProducerGroup();
        SendResult half = half(producer, topic, "half", "60"); // nobody is asked meanwhile
        int commit = MessageSysFlag.TRANSACTION_COMMIT_TYPE;
        int rollback = MessageSysFlag.TRANSACTION_ROLLBACK_TYPE;
        for (int outcome : new int[] {commit, rollback}) {
            assertRefused("The producer group wrong", end(producer, half, outcome, false, 0, 0, "somebody-else"));
            assertRefused("The transaction state table offset wrong", end(producer, half, outcome, false, 1, 0, group));
            assertRefused("Find prepared transaction message failed", end(producer, half, outcome, false, 0, 1L << 40, group));
        }
        assertEquals(ResponseCode.SYSTEM_ERROR, end(producer, half, MessageSysFlag.TRANSACTION_PREPARED_TYPE, false, 0, 0, group).getCode());
        var response = end(producer, half, commit, false, 0, 0, group);
        assertEquals(ResponseCode.SUCCESS, response.getCode());
        assertNull(response.getRemark());
        assertEquals("half", text(pull(puller(unique("group")), queue(topic, 0), 0, 1).get(0)));
    }

    @Test
    void endOfATransactionAfterItsImmunity() throws Exception {
        String topic = topic("late", 1);
        var producer = producer();
        SendResult half = half(producer, topic, "half", "1");
        Thread.sleep(1500);
        int commit = MessageSysFlag.TRANSACTION_COMMIT_TYPE;
        assertEquals(ResponseCode.ILLEGAL_OPERATION, end(producer, half, commit, false, 0, 0, producer.getProducerGroup()).getCode());
        var response = end(producer, half, commit, true, 0, 0, producer.getProducerGroup());
        assertEquals(ResponseCode.SUCCESS, response.getCode(), "the answer to a question is taken");
    }

    private static void assertRefused(String remark, RemotingCommand response) {
        assertEquals(ResponseCode.SYSTEM_ERROR, response.getCode());
        assertEquals(remark, response.getRemark());
    }

    @Test
    void manyTransactions() throws Exception {
        String topic = topic("many", 2);
        var inbox = reading(topic);
        Function<String, LocalTransactionState> execute = body -> LocalTransactionState.values()[number(body) % 3];
        // A slow broker asks about a transaction whose end is still on its way to the op
        // queue. A producer that knows the outcome says it again.
        var decider = new Decider(execute, (body, times) -> {
            var outcome = execute.apply(body);
            return outcome == LocalTransactionState.UNKNOW ? LocalTransactionState.COMMIT_MESSAGE : outcome;
        });
        var producer = producer(decider);
        Set<String> expected = ConcurrentHashMap.newKeySet();
        for (int i = 0; i < 150; i++) {
            var sent = producer.sendMessageInTransaction(new Message(topic, bytes("message " + i)), null);
            if (sent.getLocalTransactionState() != LocalTransactionState.ROLLBACK_MESSAGE) {
                expected.add("message " + i);
            }
        }
        eventually("all that is not rolled back", () -> inbox.bodies().containsAll(expected));
        assertEquals(expected, Set.copyOf(inbox.bodies()));
    }

    private static int number(String body) {
        return Integer.parseInt(body.substring(body.indexOf(' ') + 1));
    }
}
