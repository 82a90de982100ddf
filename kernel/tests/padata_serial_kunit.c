// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of padata's serialized jobs: objects that are processed in
 * parallel leave in the order in which they came.
 */

#include <crypto/aead.h>
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/crypto.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/padata.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/sprintf.h>

/* Far more than CPUs, so that objects have to queue. */
#define NR_OBJECTS	1024

/* Each has a chance of some percent to be freed too early, if one can be. */
#define NR_FREED_SHELLS	500

/* Only a lost object ever takes this long. */
#define LOST_OBJECT	(60 * HZ)

struct stream {
	struct padata_instance	*instance;
	struct padata_shell	*shell;
	struct task_struct	*submitter;
	struct completion	all_out;
	atomic_t		processed[NR_OBJECTS];
	unsigned int		out[NR_OBJECTS];
	unsigned int		nr_out;
	unsigned int		nr_in;
	cpumask_t		parallel_cpus;
	int			cb_cpu;
	bool			wrong_cb_cpu;
	unsigned int		linger_usecs;
	struct stream_object {
		struct padata_priv	padata;
		struct stream		*stream;
		unsigned int		nr;
		unsigned int		usecs;
	} object[NR_OBJECTS];
};

static void stream_parallel(struct padata_priv *padata)
{
	struct stream_object *object = container_of(padata, struct stream_object,
						    padata);

	/* With many in flight the thread that brings them in does some. */
	if (current != object->stream->submitter)
		cpumask_set_cpu(smp_processor_id(),
				&object->stream->parallel_cpus);
	atomic_inc(&object->stream->processed[object->nr]);
	udelay(object->usecs);
	padata_do_serial(padata);
}

/* One at a time: all objects of a stream name the same callback CPU. */
static void stream_serial(struct padata_priv *padata)
{
	struct stream_object *object = container_of(padata, struct stream_object,
						    padata);
	struct stream *stream = object->stream;

	if (smp_processor_id() != stream->cb_cpu)
		stream->wrong_cb_cpu = true;

	stream->out[stream->nr_out++] = object->nr;
	if (stream->nr_out == stream->nr_in) {
		unsigned int usecs = stream->linger_usecs;

		/* The stream may be gone after this. */
		complete(&stream->all_out);
		udelay(usecs);
	}
}

static struct stream *stream_alloc(struct kunit *test)
{
	struct stream *stream;

	stream = kunit_kzalloc(test, sizeof(*stream), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stream);

	stream->instance = padata_alloc("padata_kunit");
	KUNIT_ASSERT_NOT_NULL(test, stream->instance);
	stream->shell = padata_alloc_shell(stream->instance);
	if (!stream->shell)
		padata_free(stream->instance);
	KUNIT_ASSERT_NOT_NULL(test, stream->shell);

	init_completion(&stream->all_out);
	stream->cb_cpu = cpumask_last(cpu_online_mask);
	return stream;
}

static void stream_free(struct stream *stream)
{
	padata_free_shell(stream->shell);
	padata_free(stream->instance);
}

static void stream_run(struct kunit *test, struct stream *stream,
		       unsigned int max_usecs)
{
	unsigned int i;

	stream->submitter = current;
	stream->nr_in = NR_OBJECTS;
	for (i = 0; i < NR_OBJECTS; i++) {
		struct stream_object *object = &stream->object[i];
		int cb_cpu = stream->cb_cpu;

		object->stream = stream;
		object->nr = i;
		object->usecs = max_usecs ? get_random_u32_below(max_usecs) : 0;
		object->padata.parallel = stream_parallel;
		object->padata.serial = stream_serial;

		KUNIT_ASSERT_EQ(test, padata_do_parallel(stream->shell,
							 &object->padata,
							 &cb_cpu), 0);
		KUNIT_EXPECT_EQ(test, cb_cpu, stream->cb_cpu);
	}

	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&stream->all_out,
							  LOST_OBJECT), 0);
	for (i = 0; i < NR_OBJECTS; i++) {
		KUNIT_EXPECT_EQ(test, stream->out[i], i);
		KUNIT_EXPECT_EQ(test, atomic_read(&stream->processed[i]), 1);
	}
	KUNIT_EXPECT_FALSE(test, stream->wrong_cb_cpu);
}

static void padata_serial_order(struct kunit *test)
{
	struct stream *stream = stream_alloc(test);

	stream_run(test, stream, 0);
	stream_free(stream);
}

/* Objects that overtake each other come out in order again. */
static void padata_serial_order_uneven(struct kunit *test)
{
	struct stream *stream = stream_alloc(test);

	stream_run(test, stream, 200);
	stream_free(stream);
}

/* The parallel half keeps to the instance's mask. */
static void padata_serial_cpumask(struct kunit *test)
{
	struct stream *stream = stream_alloc(test);
	cpumask_var_t one_cpu;

	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&one_cpu, GFP_KERNEL));
	cpumask_set_cpu(cpumask_first(cpu_online_mask), one_cpu);
	KUNIT_EXPECT_EQ(test, padata_set_cpumask(stream->instance,
						 PADATA_CPU_PARALLEL, one_cpu),
			0);
	stream_run(test, stream, 20);
	KUNIT_EXPECT_TRUE(test, cpumask_subset(&stream->parallel_cpus, one_cpu));
	free_cpumask_var(one_cpu);
	stream_free(stream);
}

/*
 * Free the shell while the serial worker is still in the last callback, and its
 * work is perhaps queued once more.  All objects wait for the first one, so they
 * are serialized in one go, while the worker starts.
 */
static void padata_serial_free_at_once(struct kunit *test)
{
	struct stream *stream = stream_alloc(test);
	unsigned int round, i;

	stream->linger_usecs = 200;
	for (round = 0; round < NR_FREED_SHELLS; round++) {
		struct padata_shell *shell = padata_alloc_shell(stream->instance);

		KUNIT_ASSERT_NOT_NULL(test, shell);
		reinit_completion(&stream->all_out);
		stream->nr_out = 0;
		stream->nr_in = 2 + round % 31;
		for (i = 0; i < stream->nr_in; i++) {
			struct stream_object *object = &stream->object[i];
			int cb_cpu = stream->cb_cpu;

			object->stream = stream;
			object->nr = i;
			object->usecs = i ? 0 : 100;
			object->padata.parallel = stream_parallel;
			object->padata.serial = stream_serial;
			KUNIT_ASSERT_EQ(test, padata_do_parallel(shell, &object->padata,
								 &cb_cpu), 0);
		}
		KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&stream->all_out,
								  LOST_OBJECT), 0);
		padata_free_shell(shell);
	}
	stream_free(stream);
}

/* So many that whoever lets them pile up is found out. */
#define NR_FLOOD	100000
#define FLOOD_AT_ONCE	1000

struct flood {
	atomic_t		in_flight;
	int			most_in_flight;
	atomic_t		nr_out;
	struct completion	all_out;
	struct flood_object {
		struct padata_priv	padata;
		struct flood		*flood;
	} object[];
};

static void flood_parallel(struct padata_priv *padata)
{
	struct flood *flood = container_of(padata, struct flood_object,
					   padata)->flood;

	udelay(5);
	atomic_dec(&flood->in_flight);
	padata_do_serial(padata);
}

static void flood_serial(struct padata_priv *padata)
{
	struct flood *flood = container_of(padata, struct flood_object,
					   padata)->flood;

	if (atomic_inc_return(&flood->nr_out) == NR_FLOOD)
		complete(&flood->all_out);
}

static void flood_in(struct kunit *test, struct stream *stream,
		     struct flood_object *object, struct flood *flood)
{
	int cb_cpu = stream->cb_cpu;

	object->flood = flood;
	object->padata.parallel = flood_parallel;
	object->padata.serial = flood_serial;
	flood->most_in_flight = max(flood->most_in_flight,
				    atomic_inc_return(&flood->in_flight));
	KUNIT_EXPECT_EQ(test, padata_do_parallel(stream->shell, &object->padata,
						 &cb_cpu), 0);
}

/*
 * A network card brings in objects faster than they are processed.  Those that
 * wait for a worker take memory, so there are no more of them than CPUs.
 */
static void padata_serial_is_bounded(struct kunit *test)
{
	struct stream *stream = stream_alloc(test);
	struct flood *flood = kvzalloc(struct_size(flood, object, NR_FLOOD),
				       GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, flood);
	init_completion(&flood->all_out);
	for (i = 0; i < NR_FLOOD; i++) {
		if (i % FLOOD_AT_ONCE == 0)
			local_bh_disable();
		flood_in(test, stream, &flood->object[i], flood);
		if (i % FLOOD_AT_ONCE == FLOOD_AT_ONCE - 1) {
			local_bh_enable();
			cond_resched();
		}
	}
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&flood->all_out,
							  LOST_OBJECT), 0);

	/* The last is the one that is about to be processed here. */
	KUNIT_EXPECT_LE(test, flood->most_in_flight, num_possible_cpus() + 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&flood->nr_out), NR_FLOOD);
	stream_free(stream);
	kvfree(flood);
}

#if IS_ENABLED(CONFIG_CRYPTO_PCRYPT)

#define NR_REQUESTS	256
#define TEXT_SIZE	1024
#define AD_SIZE		16
#define TAG_SIZE	16
#define IV_SIZE		12

struct cipher {
	struct crypto_aead	*tfm;
	atomic_t		nr_done;
	struct cipher_request {
		struct cipher		*cipher;
		struct aead_request	*req;
		struct crypto_wait	wait;
		struct scatterlist	sg;
		u8			*buf;
		u8			iv[IV_SIZE];
		int			err;
		int			position;
	} request[NR_REQUESTS];
};

static void cipher_request_done(void *data, int err)
{
	struct cipher_request *request = data;

	if (err == -EINPROGRESS)
		return;

	request->position = atomic_inc_return(&request->cipher->nr_done) - 1;
	crypto_req_done(&request->wait, err);
}

static struct cipher *cipher_open(struct kunit *test, const char *name,
				  const u8 *key, unsigned int key_size)
{
	struct cipher *cipher;
	unsigned int i;

	cipher = kunit_kzalloc(test, sizeof(*cipher), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cipher);

	cipher->tfm = crypto_alloc_aead(name, 0, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(cipher->tfm), "%s: %ld", name,
			       PTR_ERR(cipher->tfm));
	KUNIT_ASSERT_EQ(test, crypto_aead_setkey(cipher->tfm, key, key_size), 0);
	KUNIT_ASSERT_EQ(test, crypto_aead_setauthsize(cipher->tfm, TAG_SIZE), 0);
	KUNIT_ASSERT_EQ(test, crypto_aead_ivsize(cipher->tfm), IV_SIZE);

	for (i = 0; i < NR_REQUESTS; i++) {
		struct cipher_request *request = &cipher->request[i];

		request->cipher = cipher;
		request->buf = kunit_kzalloc(test, AD_SIZE + TEXT_SIZE + TAG_SIZE,
					     GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, request->buf);
		request->req = aead_request_alloc(cipher->tfm, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, request->req);
		sg_init_one(&request->sg, request->buf,
			    AD_SIZE + TEXT_SIZE + TAG_SIZE);
		aead_request_set_ad(request->req, AD_SIZE);
		aead_request_set_callback(request->req,
					  CRYPTO_TFM_REQ_MAY_BACKLOG,
					  cipher_request_done, request);
	}
	return cipher;
}

static void cipher_close(struct cipher *cipher)
{
	unsigned int i;

	for (i = 0; i < NR_REQUESTS; i++)
		aead_request_free(cipher->request[i].req);
	crypto_free_aead(cipher->tfm);
}

/* Sends all requests before it waits for the first. */
static void cipher_run(struct kunit *test, struct cipher *cipher, bool encrypt)
{
	unsigned int i;

	atomic_set(&cipher->nr_done, 0);
	for (i = 0; i < NR_REQUESTS; i++) {
		struct cipher_request *request = &cipher->request[i];

		memset(request->iv, 0, IV_SIZE);
		memcpy(request->iv, &i, sizeof(i));
		crypto_init_wait(&request->wait);
		aead_request_set_crypt(request->req, &request->sg, &request->sg,
				       TEXT_SIZE + (encrypt ? 0 : TAG_SIZE),
				       request->iv);
		request->err = encrypt ? crypto_aead_encrypt(request->req)
				       : crypto_aead_decrypt(request->req);
	}
	for (i = 0; i < NR_REQUESTS; i++) {
		struct cipher_request *request = &cipher->request[i];

		KUNIT_EXPECT_EQ(test, crypto_wait_req(request->err,
						      &request->wait), 0);
	}
}

/*
 * pcrypt is the one user of serialized jobs in the kernel.  With it a cipher
 * must give the same text as without it, in the same order, and decrypt it.
 */
static void padata_serial_pcrypt(struct kunit *test)
{
	struct cipher *plain, *parallel;
	const unsigned int text_size = AD_SIZE + TEXT_SIZE;
	char name[2 * CRYPTO_MAX_ALG_NAME];
	u8 key[16], *text;
	unsigned int i;

	text = kunit_kmalloc(test, text_size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	get_random_bytes(key, sizeof(key));
	get_random_bytes(text, text_size);
	plain = cipher_open(test, "gcm(aes)", key, sizeof(key));

	/* By its driver's name: pcrypt(gcm(aes)) would be a gcm(aes) itself. */
	snprintf(name, sizeof(name), "pcrypt(%s)",
		 crypto_aead_driver_name(plain->tfm));
	parallel = cipher_open(test, name, key, sizeof(key));

	for (i = 0; i < NR_REQUESTS; i++) {
		memcpy(plain->request[i].buf, text, text_size);
		memcpy(parallel->request[i].buf, text, text_size);
	}
	cipher_run(test, plain, true);
	cipher_run(test, parallel, true);
	for (i = 0; i < NR_REQUESTS; i++) {
		KUNIT_EXPECT_MEMEQ(test, parallel->request[i].buf,
				   plain->request[i].buf,
				   AD_SIZE + TEXT_SIZE + TAG_SIZE);
		KUNIT_EXPECT_EQ(test, parallel->request[i].position, i);
	}

	cipher_run(test, parallel, false);
	for (i = 0; i < NR_REQUESTS; i++)
		KUNIT_EXPECT_MEMEQ(test, parallel->request[i].buf, text,
				   text_size);

	/* Without this the comparison above could pass although nothing was done. */
	KUNIT_EXPECT_EQ(test, atomic_read(&parallel->nr_done), NR_REQUESTS);
	KUNIT_EXPECT_MEMNEQ(test, plain->request[0].buf, text, text_size);

	cipher_close(parallel);
	cipher_close(plain);
}

#else

static void padata_serial_pcrypt(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_CRYPTO_PCRYPT");
}

#endif /* CONFIG_CRYPTO_PCRYPT */

static struct kunit_case padata_serial_cases[] = {
	KUNIT_CASE(padata_serial_order),
	KUNIT_CASE(padata_serial_order_uneven),
	KUNIT_CASE(padata_serial_cpumask),
	KUNIT_CASE_SLOW(padata_serial_is_bounded),
	KUNIT_CASE(padata_serial_free_at_once),
	KUNIT_CASE(padata_serial_pcrypt),
	{}
};

static struct kunit_suite padata_serial_suite = {
	.name		= "padata_serial",
	.test_cases	= padata_serial_cases,
};

kunit_test_suite(padata_serial_suite);

MODULE_DESCRIPTION("KUnit tests of padata's serialized jobs");
MODULE_LICENSE("GPL");
